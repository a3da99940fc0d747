/*---
grain: "one row per person (person_key), with the facts that exempt"
uses: [linkage.person_link, linkage.person_mention, linkage.trusted_identifier, staging.insurance_benefit]
---*/
with named as (
    select link.person_key,
        max(mention.nationality is not null and upper(mention.nationality) not in ('VN', 'VNM')) as is_foreign
    from linkage.person_link as link
    join linkage.person_mention as mention on mention.mention_no = link.mention_no
    group by link.person_key
),
pension as (
    select link.person_key, min(benefit.from_date) as pension_from_date
    from staging.insurance_benefit as benefit
    join linkage.person_link as link
      on link.registry = 'insurance' and link.dataset = 'benefit' and link.role = 'self' and link.record_key = benefit.record_key
    where benefit.kind = 'pension'
    group by link.person_key
),
traced as (
    -- a number the insurer's own books are kept by: without one, absence from them proves nothing
    select distinct link.person_key
    from linkage.trusted_identifier as identifier
    join linkage.person_link as link on link.mention_no = identifier.mention_no
    where identifier.kind in ('citizen', 'si', 'old') and identifier.is_exclusive
),
final as (
    select named.person_key, named.is_foreign, pension.pension_from_date, traced.person_key is not null as is_traceable
    from named
    left join traced on traced.person_key = named.person_key
    left join pension on pension.person_key = named.person_key
)
select * from final
