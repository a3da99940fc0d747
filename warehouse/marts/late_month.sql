/*---
grain: "one row per unit-month with something unpaid after its deadline, once for what is late and once for what is excused (unit_code, month, variant)"
uses: [law.late_warning_days, marts.set_aside_payment, marts.unit_month]
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
listed as (
    select * from late
    union all
    select * from excused
),
final as (
    select listed.unit_code, listed.employer_key, listed.month, listed.month_first_day, listed.variant, listed.status, listed.principal_vnd,
        listed.interest_vnd, cast(listed.days_late as integer) as days_late, listed.deadline_on, listed.reminder_id,
        listed.reminded_on, listed.evasion_days, listed.evidence, listed.steps,
        case
            when listed.days_late > listed.evasion_days and listed.reminder_id is not null then 'past_evasion_reminded'
            when listed.days_late > listed.evasion_days then 'past_evasion_not_reminded'
            when listed.days_late >= warning.amount then 'near_evasion'
            else 'late'
        end as stage,
        -- money that came in a broken record may have paid this month; without its unit's record the cycle is a guess
        case when set_aside.unit_code is not null or not listed.is_unit_known then 'C' else 'A' end as grade,
        case listed.excuse
            when 'pause' then ' Phần này đang được tạm dừng đóng theo quyết định ' || listed.excuse_decision_no || '.'
            when 'force_majeure' then ' Tháng này thuộc trường hợp bất khả kháng theo quyết định ' || listed.excuse_decision_no || '.'
            else '' end as excuse_vi,
        case listed.excuse
            when 'pause' then ' This part is paused by decision ' || listed.excuse_decision_no || '.'
            when 'force_majeure' then ' The month is excused by force majeure, decision ' || listed.excuse_decision_no || '.'
            else '' end as excuse_en,
        list_concat(
            list_concat(
                case when set_aside.unit_code is not null then ['payment_set_aside'] else [] end,
                case when not listed.is_unit_known then ['unit_not_in_register'] else [] end),
            case when listed.has_paused_order_doubt then ['paused_allocation_order'] else [] end) as doubts
    from listed
    left join marts.set_aside_payment as set_aside on set_aside.unit_code = listed.unit_code
    join law.late_warning_days as warning on listed.month_first_day between warning.valid_from and warning.valid_to
)
select * from final
