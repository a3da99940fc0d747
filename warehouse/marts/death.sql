/*---
grain: "one row per person reported dead (person_key, registry, dataset, record_key)"
uses: [linkage.person_link, staging.health_death, staging.health_visit]
---*/
with notice as (
    select link.person_key, link.is_identified, 'health' as registry, 'death' as dataset, death.record_key, death.died_on
    from staging.health_death as death
    join linkage.person_link as link
      on link.registry = 'health' and link.dataset = 'death' and link.record_key = death.record_key
),
stay as (
    select link.person_key, link.is_identified, 'health' as registry, 'visit' as dataset, visit.record_key,
        coalesce(visit.discharged_on, visit.admitted_on) as died_on
    from staging.health_visit as visit
    join linkage.person_link as link
      on link.registry = 'health' and link.dataset = 'visit' and link.record_key = visit.record_key
    where visit.result = 'died'
),
final as (
    select * from notice
    union all
    select * from stay
)
select * from final
