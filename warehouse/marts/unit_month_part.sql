/*---
grain: "one row per piece of a due that was settled by one payment or credit, or is unpaid (unit_code, month, fund, from_vnd)"
uses: [law.late_interest_daily_rate, marts.due, marts.unit_money]
params: [as_of]
columns: {unit_code: varchar, month: varchar, fund: varchar, from_vnd: bigint, amount_vnd: bigint, deadline_on: date, payable_from_on: date, excuse: varchar, decision_no: varchar, money_kind: varchar, money_id: varchar, settled_on: date, days_late: integer, interest_days: integer, interest_exact: 'decimal(38, 6)', older_days: integer}
---*/
with due_line as (
    select unit_code, month, fund, deadline_on, payable_from_on, excuse, decision_no, due_vnd,
        cast(sum(due_vnd) over (
            partition by unit_code order by allocation_month, month, fund_place, fund rows unbounded preceding) as bigint) as to_vnd
    from marts.due
    where due_vnd > 0
),
-- payments fill the dues oldest first: both are stretches of one line of money, cut wherever either ends
cut as (
    select unit_code, to_vnd as at_vnd, to_vnd as due_to_vnd, cast(null as bigint) as money_to_vnd from due_line
    union all
    select unit_code, to_vnd, cast(null as bigint), to_vnd from marts.unit_money where to_vnd > from_vnd
),
cut_once as (
    select unit_code, at_vnd, max(due_to_vnd) as due_to_vnd, max(money_to_vnd) as money_to_vnd
    from cut group by unit_code, at_vnd
),
stretch as (
    select unit_code, at_vnd as to_vnd,
        coalesce(lag(at_vnd) over (partition by unit_code order by at_vnd), 0) as from_vnd,
        min(due_to_vnd) over (partition by unit_code order by at_vnd rows between current row and unbounded following) as due_to_vnd,
        min(money_to_vnd) over (partition by unit_code order by at_vnd rows between current row and unbounded following) as money_to_vnd
    from cut_once
),
piece as (
    select due_line.unit_code, due_line.month, due_line.fund, stretch.from_vnd, stretch.to_vnd - stretch.from_vnd as amount_vnd,
        due_line.deadline_on, due_line.payable_from_on, due_line.excuse, due_line.decision_no,
        money.kind as money_kind, money.money_id, money.usable_on as settled_on
    from stretch
    join due_line on due_line.unit_code = stretch.unit_code and due_line.to_vnd = stretch.due_to_vnd
    left join marts.unit_money as money
      on money.unit_code = stretch.unit_code and money.to_vnd = stretch.money_to_vnd and money.to_vnd > money.from_vnd
),
timed as (
    select unit_code, month, fund, from_vnd, amount_vnd, deadline_on, payable_from_on, excuse, decision_no, money_kind, money_id,
        settled_on, coalesce(settled_on, $as_of) as ends_on
    from piece
),
-- every day after the deadline bears the rate of its own date
charged as (
    select timed.unit_code, timed.month, timed.fund, timed.from_vnd,
        sum(case when rate.is_known then
            cast(timed.amount_vnd as decimal(18, 0)) * cast(rate.amount as decimal(8, 6))
            * cast(greatest(0, date_diff('day',
                greatest(timed.payable_from_on, cast(rate.valid_from - interval '1' day as date)),
                least(timed.ends_on, rate.valid_to))) as decimal(6, 0)) else 0 end) as interest_exact,
        sum(case when rate.is_known then greatest(0, date_diff('day',
            greatest(timed.payable_from_on, cast(rate.valid_from - interval '1' day as date)),
            least(timed.ends_on, rate.valid_to))) else 0 end) as interest_days
    from timed
    cross join law.late_interest_daily_rate as rate
    group by timed.unit_code, timed.month, timed.fund, timed.from_vnd
),
final as (
    select timed.unit_code, timed.month, timed.fund, timed.from_vnd, timed.amount_vnd, timed.deadline_on, timed.payable_from_on,
        timed.excuse, timed.decision_no, timed.money_kind, timed.money_id, timed.settled_on,
        greatest(0, date_diff('day', timed.payable_from_on, timed.ends_on)) as days_late,
        charged.interest_days, charged.interest_exact,
        greatest(0, date_diff('day', timed.payable_from_on, timed.ends_on)) - charged.interest_days as older_days
    from timed
    join charged
      on charged.unit_code = timed.unit_code and charged.month = timed.month and charged.fund = timed.fund
      and charged.from_vnd = timed.from_vnd
)
select * from final
