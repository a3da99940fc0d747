/*---
grain: "one row per record that has a version in quarantine and none in good order since (registry, dataset, record_key)"
uses: [raw.set_aside]
---*/
select registry, dataset, record_key,
    regexp_replace(translate(upper(record_key), 'OIL ./-_', '011'), '(^|[A-Z])0+', '\1', 'g') as serial,
    min(record ->> '$.unit_code') as unit_code,
    min(translate(record ->> '$.tax_code', ' .-/', '')) as tax_code_clean,
    min(translate(record ->> '$.citizen_id', ' .-/', '')) as citizen_id_clean,
    min(translate(record ->> '$.si_number', ' .-/', '')) as si_number_clean,
    min(translate(record ->> '$.old_id', ' .-/', '')) as old_id_clean
from raw.set_aside
group by registry, dataset, record_key
