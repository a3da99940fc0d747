/*---
grain: "one row per unit, month and fund (unit_code, month, fund); the net amount due, its deadline and what excuses it"
uses: [law.late_allocation_order, law.late_deadline_months, law.late_paused_part_order, marts.unit, staging.insurance_charge, staging.insurance_pause]
columns: {unit_code: varchar, month: varchar, month_first_day: date, fund: varchar, due_vnd: bigint, deadline_on: date, payable_from_on: date, excuse: varchar, decision_no: varchar, allocation_month: varchar, fund_place: integer}
---*/
with charged as (
    select unit_code, month, month_first_day, fund, sum(due_vnd + coalesce(adjustment_vnd, 0)) as due_vnd
    from staging.insurance_charge
    group by unit_code, month, month_first_day, fund
),
-- Đ34.4: the last day of the month after the cycle that holds the month; no shift for weekends
cycled as (
    select charged.unit_code, charged.month, charged.month_first_day, charged.fund, charged.due_vnd,
        cast(substr(charged.month, 6, 2) as integer) as month_no, coalesce(unit.cycle_months, 1) as cycle_months
    from charged
    left join marts.unit as unit on unit.unit_code = charged.unit_code
),
with_deadline as (
    select cycled.unit_code, cycled.month, cycled.month_first_day, cycled.fund, cycled.due_vnd,
        last_day(cycled.month_first_day + interval '1' month * (
            ((cycled.month_no + cycled.cycle_months - 1) // cycled.cycle_months) * cycled.cycle_months - cycled.month_no
                + cast(deadline.amount as integer))) as deadline_on
    from cycled
    join law.late_deadline_months as deadline on cycled.month_first_day between deadline.valid_from and deadline.valid_to
),
force_majeure as (
    select due.unit_code, due.month, min(pause.decision_no) as decision_no
    from with_deadline as due
    join staging.insurance_pause as pause
      on pause.unit_code = due.unit_code and due.month between pause.from_month and pause.to_month
    where pause.kind = 'force_majeure'
    group by due.unit_code, due.month
),
-- Đ37: only the retirement part pauses; it must be made up by the end of the month after the pause
paused as (
    select due.unit_code, due.month, max(last_day(pause.to_month_first_day + interval '1' month)) as catch_up_on,
        max(pause.decision_no) as decision_no
    from with_deadline as due
    join staging.insurance_pause as pause
      on pause.unit_code = due.unit_code and due.month between pause.from_month and pause.to_month
    where pause.kind = 'pause' and due.fund = 'si'
    group by due.unit_code, due.month
),
final as (
    select due.unit_code, due.month, due.month_first_day, due.fund, due.due_vnd, due.deadline_on,
        case when due.fund = 'si' and paused.catch_up_on > due.deadline_on then paused.catch_up_on else due.deadline_on end as payable_from_on,
        case when force_majeure.decision_no is not null then 'force_majeure'
             when due.fund = 'si' and paused.decision_no is not null then 'pause' end as excuse,
        coalesce(force_majeure.decision_no, case when due.fund = 'si' then paused.decision_no end) as decision_no,
        case when due.fund = 'si' and paused.catch_up_on is not null and paused_order.value = 'catch_up_month'
             then substr(cast(paused.catch_up_on as varchar), 1, 7) else due.month end as allocation_month,
        strpos(fund_order.value, due.fund) as fund_place
    from with_deadline as due
    left join force_majeure on force_majeure.unit_code = due.unit_code and force_majeure.month = due.month
    left join paused on paused.unit_code = due.unit_code and paused.month = due.month
    join law.late_allocation_order as fund_order on due.month_first_day between fund_order.valid_from and fund_order.valid_to
    join law.late_paused_part_order as paused_order on due.month_first_day between paused_order.valid_from and paused_order.valid_to
)
select * from final
