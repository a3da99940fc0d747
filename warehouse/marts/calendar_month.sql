/*---
grain: "one row per calendar month from 2014 to the day of judgement (first_day)"
uses: []
params: [as_of]
---*/
select cast(month_start as date) as first_day, last_day(cast(month_start as date)) as last_day
from (select unnest(generate_series(date '2014-01-01', $as_of, interval '1' month)) as month_start) as series
