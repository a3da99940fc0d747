-- order: area_code, geography, as_of, indicator
-- One row per area, geography and indicator of coverage.
select
    indicator.area_code::varchar as area_code,
    indicator.geography::varchar as geography,
    indicator.as_of::date as as_of,
    indicator.indicator::varchar as indicator,
    indicator.numerator::bigint as numerator,
    indicator.denominator::bigint as denominator,
    indicator.percent::decimal(9, 4) as percent,
    indicator.target_percent::decimal(9, 4) as target_percent,
    snapshot.snapshot::varchar as snapshot,
    indicator.area_code::varchar as _province_code
from main.indicator
cross join main.snapshot
