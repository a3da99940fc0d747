/*---
rule: BG18
title_vi: Chi trả chế độ cho thời gian sau khi chết
title_en: Benefit for a time after death
subject: person
law: [{act: 41/2024/QH15, article: "75.2.a"}]
uses: [marts.benefit, marts.death, marts.visit]
needs: [insurance.benefit, health.death]
inputs: [benefit.from_date, benefit.kind, benefit.amount_vnd, death.died_on, visit.admitted_on]
innocent:
  - {vi: tháng chết vẫn được chi trả; các tháng chưa nhận trả cho thân nhân, en: "the month of death is payable, and unpaid months go to the relatives", document: "danh sách chi trả, giấy ủy quyền"}
  - {vi: ghép nhầm người cùng họ tên, en: the death belongs to someone of the same name, document: trích lục khai tử}
  - {vi: ngày chết ghi sai, en: the day of death is wrong, document: trích lục khai tử}
reason_vi: "{person} được chi trả {principal_vnd} cho thời gian từ {from_date}, trong khi dữ liệu y tế ghi nhận đã chết ngày {died_on}."
reason_en: "{person} was paid {principal_vnd} for the time from {from_date}, although the health registry records the death on {died_on}."
---*/
with dead as (
    -- where notices disagree, the latest day counts
    select person_key, max(died_on) as died_on, bool_or(dataset = 'death') as has_notice,
        list(registry || '.' || dataset || ':' || record_key) as evidence
    from marts.death
    where is_identified
    group by person_key
),
alive_after as (
    select distinct dead.person_key
    from dead
    join marts.visit as visit
      on visit.person_key = dead.person_key and date_diff('day', dead.died_on, visit.admitted_on) > 1
),
final as (
    select 'person' as subject_kind, benefit.person_key, benefit.benefit_id as item, 'suspected' as status,
        case when dead.has_notice and alive_after.person_key is null then 'A' else 'B' end as grade,
        benefit.from_date, benefit.to_date, benefit.amount_vnd as principal_vnd,
        list_concat(['insurance.benefit:' || benefit.record_key], dead.evidence) as evidence,
        list_concat(
            case when not dead.has_notice then ['no_death_notice'] else [] end,
            case when alive_after.person_key is not null then ['visits_after_the_death'] else [] end) as doubts,
        dead.died_on as fact_died_on, benefit.paid_on as fact_paid_on
    from marts.benefit as benefit
    join dead on dead.person_key = benefit.person_key
    left join alive_after on alive_after.person_key = benefit.person_key
    where benefit.is_identified
      -- the funeral grant is paid to the living
      and benefit.kind <> 'funeral'
      -- a negative amount is money taken back
      and benefit.amount_vnd >= 0
      and benefit.from_date > last_day(dead.died_on)
)
select * from final
