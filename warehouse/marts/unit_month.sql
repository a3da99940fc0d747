/*---
grain: "one row per unit and charged month (unit_code, month): the ledger, with lateness, interest and status on the day of judgement"
uses: [law.late_evasion_days, law.late_evasion_needs_reminder, law.late_interest_daily_rate, marts.due, marts.unit, marts.unit_month_part, staging.insurance_charge, staging.insurance_reminder]
params: [as_of]
columns: {unit_code: varchar, employer_key: varchar, office_code: varchar, month: varchar, month_first_day: date, deadline_on: date, due_vnd: bigint, credit_vnd: bigint, paid_vnd: bigint, unpaid_vnd: bigint, late_vnd: bigint, excused_vnd: bigint, late_from_on: date, days_late: integer, excused_days_late: integer, excuse: varchar, decision_no: varchar, interest_vnd: bigint, older_interest_vnd: bigint, older_days: integer, reminder_id: varchar, reminded_on: date, evasion_days: integer, status: varchar, is_unit_known: boolean, has_paused_order_doubt: boolean, evidence: 'varchar[]', steps: 'struct(fund varchar, amount_vnd bigint, deadline_on date, settled_on date, settled_by varchar, days_late integer, interest_days integer, rate varchar, interest varchar)[]'}
---*/
with due_month as (
    select unit_code, month, month_first_day, min(due.deadline_on) as deadline_on,
        sum(greatest(due.due_vnd, 0)) as due_vnd, sum(greatest(-due.due_vnd, 0)) as credit_vnd
    from marts.due as due
    group by unit_code, month, month_first_day
),
judged_part as (
    select part.unit_code, part.month, part.fund, part.from_vnd, part.amount_vnd, part.deadline_on, part.payable_from_on,
        part.excuse, part.decision_no, part.money_kind, part.money_id, part.settled_on, part.days_late, part.interest_days,
        part.interest_exact, part.older_days,
        part.settled_on is null as is_unpaid,
        part.settled_on is null and part.deadline_on < $as_of
            and (part.excuse is not distinct from 'force_majeure'
                 or (part.excuse is not distinct from 'pause' and part.payable_from_on >= $as_of)) as is_excused,
        part.settled_on is null and part.excuse is distinct from 'force_majeure' and part.payable_from_on < $as_of as is_late
    from marts.unit_month_part as part
),
rate as (
    -- the rate in force on the day of judgement, for the arithmetic shown
    select value from law.late_interest_daily_rate where $as_of between valid_from and valid_to
),
summed as (
    select part.unit_code, part.month,
        sum(case when part.is_unpaid then 0 else part.amount_vnd end) as paid_vnd,
        sum(case when part.is_unpaid then part.amount_vnd else 0 end) as unpaid_vnd,
        sum(case when part.is_late then part.amount_vnd else 0 end) as late_vnd,
        sum(case when part.is_excused then part.amount_vnd else 0 end) as excused_vnd,
        min(case when part.is_late then part.payable_from_on end) as late_after_on,
        max(case when part.is_late then part.days_late else 0 end) as days_late,
        min(case when part.is_excused then part.deadline_on end) as excused_after_on,
        min(case when part.is_excused then part.excuse end) as excuse,
        max(part.decision_no) as decision_no,
        sum(part.interest_exact) as interest_exact,
        sum(part.older_days) as older_days,
        list(case when part.days_late > 0 then {
            'fund': part.fund, 'amount_vnd': part.amount_vnd, 'deadline_on': part.payable_from_on, 'settled_on': part.settled_on,
            'settled_by': part.money_id, 'days_late': cast(part.days_late as integer),
            'interest_days': cast(part.interest_days as integer), 'rate': rate.value,
            'interest': cast(part.interest_exact as varchar)} end) as steps
    from judged_part as part
    cross join rate
    group by part.unit_code, part.month
),
reminder as (
    -- a reminder covers a month when it reaches up to it and was sent after the deadline
    select summed.unit_code, summed.month, min(reminder.sent_on) as reminded_on, min(reminder.reminder_id) as reminder_id
    from summed
    join staging.insurance_reminder as reminder
      on reminder.unit_code = summed.unit_code and reminder.up_to_month >= summed.month
      and reminder.sent_on > coalesce(summed.late_after_on, summed.excused_after_on) and reminder.sent_on <= $as_of
    group by summed.unit_code, summed.month
),
charge_evidence as (
    select unit_code, month, list('insurance.charge:' || record_key) as evidence
    from staging.insurance_charge group by unit_code, month
),
payment_evidence as (
    select unit_code, month, list('insurance.payment:' || money_id) as evidence
    from (select distinct unit_code, month, money_id from marts.unit_month_part where money_kind = 'payment') as paid
    group by unit_code, month
),
paused_unit as (
    select distinct unit_code from marts.due where excuse = 'pause'
),
final as (
    select due_month.unit_code, unit.employer_key, unit.office_code, due_month.month, due_month.month_first_day, due_month.deadline_on,
        due_month.due_vnd, due_month.credit_vnd,
        coalesce(summed.paid_vnd, 0) as paid_vnd, coalesce(summed.unpaid_vnd, 0) as unpaid_vnd,
        coalesce(summed.late_vnd, 0) as late_vnd, coalesce(summed.excused_vnd, 0) as excused_vnd,
        summed.late_after_on as late_from_on, coalesce(summed.days_late, 0) as days_late,
        coalesce(date_diff('day', summed.excused_after_on, $as_of), 0) as excused_days_late,
        summed.excuse, summed.decision_no,
        round(coalesce(summed.interest_exact, 0), 0) as interest_vnd,
        -- the older regime's monthly rates are mostly unverified: absent, not zero, where such days exist
        case when coalesce(summed.older_days, 0) = 0 then 0 end as older_interest_vnd,
        coalesce(summed.older_days, 0) as older_days,
        reminder.reminder_id, reminder.reminded_on, cast(evasion.amount as integer) as evasion_days,
        case
            when coalesce(summed.late_vnd, 0) > 0 and summed.days_late > evasion.amount
                and (reminder.reminder_id is not null or needs_reminder.value = 'false') then 'evasion'
            when coalesce(summed.late_vnd, 0) > 0 then 'late'
            when coalesce(summed.excused_vnd, 0) > 0 then 'excused'
            when coalesce(summed.unpaid_vnd, 0) > 0 then 'not_due'
            else 'paid'
        end as status,
        unit.unit_code is not null as is_unit_known,
        paused_unit.unit_code is not null as has_paused_order_doubt,
        list_concat(
            list_concat(coalesce(charge_evidence.evidence, []), coalesce(payment_evidence.evidence, [])),
            list_concat(
                case when reminder.reminder_id is not null then ['insurance.reminder:' || reminder.reminder_id] else [] end,
                case when summed.decision_no is not null then ['insurance.pause:' || summed.decision_no] else [] end)) as evidence,
        list_filter(coalesce(summed.steps, []), step -> step is not null) as steps
    from due_month
    left join marts.unit as unit on unit.unit_code = due_month.unit_code
    left join summed on summed.unit_code = due_month.unit_code and summed.month = due_month.month
    left join reminder on reminder.unit_code = due_month.unit_code and reminder.month = due_month.month
    left join charge_evidence on charge_evidence.unit_code = due_month.unit_code and charge_evidence.month = due_month.month
    left join payment_evidence on payment_evidence.unit_code = due_month.unit_code and payment_evidence.month = due_month.month
    left join paused_unit on paused_unit.unit_code = due_month.unit_code
    join law.late_evasion_days as evasion on due_month.month_first_day between evasion.valid_from and evasion.valid_to
    join law.late_evasion_needs_reminder as needs_reminder
      on due_month.month_first_day between needs_reminder.valid_from and needs_reminder.valid_to
)
select * from final
