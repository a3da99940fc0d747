/*---
grain: one row per unit-month with something unpaid after its deadline, once for what is late and once for what is excused (unit_code, month, variant)
uses: [law.late_warning_days, marts.unit_month]
---*/
with late as (
    select unit_code, employer_key, month, month_first_day, '' as variant, status, late_vnd as principal_vnd, interest_vnd, days_late,
        late_from_on as deadline_on, cast(null as varchar) as excuse, cast(null as varchar) as excuse_decision_no, reminder_id,
        reminded_on, evasion_days, is_unit_known, has_paused_order_doubt, evidence, steps
    from marts.unit_month
    where late_vnd > 0
),
excused as (
    select unit_code, employer_key, month, month_first_day, 'excused' as variant, 'excused' as status, excused_vnd as principal_vnd,
        -- what is late beside it already carries the month's whole interest
        case when late_vnd > 0 then 0 else interest_vnd end as interest_vnd, excused_days_late as days_late,
        deadline_on, excuse, decision_no as excuse_decision_no, reminder_id,
        reminded_on, evasion_days, is_unit_known, has_paused_order_doubt, evidence, steps
    from marts.unit_month
    where excused_vnd > 0
),
both as (
    select * from late
    union all
    select * from excused
),
final as (
    select both.unit_code, both.employer_key, both.month, both.month_first_day, both.variant, both.status, both.principal_vnd,
        both.interest_vnd, cast(both.days_late as integer) as days_late, both.deadline_on, both.excuse, both.excuse_decision_no, both.reminder_id,
        both.reminded_on, both.evasion_days, both.evidence, both.steps,
        case
            when both.days_late > both.evasion_days and both.reminder_id is not null then 'past_evasion_reminded'
            when both.days_late > both.evasion_days then 'past_evasion_not_reminded'
            when both.days_late >= warning.amount then 'near_evasion'
            else 'late'
        end as stage,
        list_concat(
            case when not both.is_unit_known then ['unit_not_in_register'] else [] end,
            case when both.has_paused_order_doubt then ['paused_allocation_order'] else [] end) as doubts
    from both
    join law.late_warning_days as warning on both.month_first_day between warning.valid_from and warning.valid_to
)
select * from final
