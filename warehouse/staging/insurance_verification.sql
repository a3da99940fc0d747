/*---
grain: one row per verification (verification_id)
uses: [raw.insurance_verification]
---*/
select
    _record_key as record_key,
    verification_id,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    verified_on,
    paid_by,
    proxy_until
from raw.insurance_verification
