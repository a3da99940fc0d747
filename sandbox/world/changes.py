"""What registries do to records they have already delivered: correct them and withdraw them."""

import duckdb

# A bill is corrected some weeks after the visit.
_CORRECTED_VISITS = """
insert into health_visit by name
select * replace (
    total_vnd + 25000 as total_vnd,
    office_time(updated_at::date + 9 + floor(u(visit_id, 'corrected day') * 14)::int, visit_id, 'corrected') as updated_at)
from health_visit
where updated_at > getvariable('as_of') - 60 and u(visit_id, 'corrected') < 0.04
    and visit_id not like '%-C%' and visit_id not like '%D'
"""

# A visit uploaded twice is withdrawn: the tombstone carries the key, the time and `deleted`, nothing else. Some of the
# last ones known on `as_of` are withdrawn in the days after it, so that the next delivery always holds tombstones.
_WITHDRAWN_VISITS = """
create table doubled as
with lately as (
    select *, row_number() over (order by updated_at desc, visit_id) as turn from health_visit
    where updated_at between getvariable('as_of') - 60 and getvariable('as_of') - 3 and visit_id not like '%-C%')
select * exclude (turn) replace (visit_id || 'D' as visit_id),
    case when turn % 3 = 0 and turn < 30 then getvariable('as_of') + (turn // 3 % 5)::int
         else updated_at::date + 12 end as withdrawn_on
from lately
where (turn % 3 = 0 and turn < 30) or u(visit_id, 'doubled') < 0.03;
insert into health_visit by name select * exclude (withdrawn_on) from doubled;
insert into health_visit by name
select visit_id, true as deleted, office_time(withdrawn_on, visit_id, 'withdrawn') as updated_at from doubled;
drop table doubled;
"""

# A wage is corrected in a report already filed.
_CORRECTED_REPORTS = """
insert into labour_workforce by name
select * replace (
    wage_vnd + 100000 as wage_vnd,
    office_time(updated_at::date + 4 + floor(u(line_id, 'corrected day') * 30)::int, line_id, 'corrected') as updated_at)
from labour_workforce
where updated_at > getvariable('as_of') - 45 and u(line_id, 'corrected') < 0.02 and line_id not like '%-C%'
"""


def register_changes(con: duckdb.DuckDBPyConnection) -> None:
    """Later versions of records that are there already; the last thing done to the world."""
    for statement in (_WITHDRAWN_VISITS, _CORRECTED_VISITS, _CORRECTED_REPORTS):
        con.execute(statement)
