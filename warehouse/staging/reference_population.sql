/*---
grain: one row per area, geography and year (area_code, geography, year)
uses: [raw.reference_population]
---*/
select
    _record_key as record_key,
    area_code,
    geography,
    year,
    population,
    labour_force,
    past_retirement_age,
    source
from raw.reference_population
