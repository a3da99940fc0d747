/*---
grain: "one row per unit with a payment or credit that was set aside (unit_code): its ledger may lack money"
uses: [staging.set_aside]
---*/
select unit_code, count(*) as records
from staging.set_aside
where registry = 'insurance' and dataset in ('payment', 'charge') and unit_code is not null
group by unit_code
