/*---
grain: one row per area, geography, year and indicator (area_code, geography, year, indicator)
uses: [raw.reference_target]
---*/
select
    _record_key as record_key,
    area_code,
    geography,
    year,
    indicator,
    percent,
    source
from raw.reference_target
