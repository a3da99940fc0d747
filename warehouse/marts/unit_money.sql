/*---
grain: "one row per payment or credit of a unit, in order of use (unit_code, money_no); [from_vnd, to_vnd) is its stretch of all money so far"
uses: [marts.due, staging.insurance_payment]
params: [as_of]
columns: {unit_code: varchar, money_no: bigint, kind: varchar, money_id: varchar, usable_on: date, amount_vnd: bigint, from_vnd: bigint, to_vnd: bigint}
---*/
with money as (
    select unit_code, 'payment' as kind, payment_id as money_id, paid_on as usable_on, amount_vnd
    from staging.insurance_payment
    union all
    -- a negative due is credit, usable from its deadline on
    select unit_code, 'credit', month || '/' || fund, deadline_on, -due_vnd
    from marts.due
    where due_vnd < 0 and deadline_on <= $as_of
),
running as (
    select unit_code, kind, money_id, usable_on, amount_vnd,
        row_number() over (partition by unit_code order by usable_on, kind, money_id) as money_no,
        sum(amount_vnd) over (partition by unit_code order by usable_on, kind, money_id rows unbounded preceding) as balance_vnd
    from money
),
-- money that was later sent back never paid anything: what counts is what stays
kept as (
    select unit_code, kind, money_id, usable_on, amount_vnd, money_no,
        greatest(0, min(balance_vnd) over (
            partition by unit_code order by money_no rows between current row and unbounded following)) as kept_vnd
    from running
),
final as (
    select unit_code, money_no, kind, money_id, usable_on, amount_vnd,
        coalesce(lag(kept_vnd) over (partition by unit_code order by money_no), 0) as from_vnd, kept_vnd as to_vnd
    from kept
)
select * from final
