/*---
grain: "one row per ordered pair of persons who may be one (person_key, other_key); never links, only withholds an accusation of absence"
uses: [linkage.contradiction, linkage.person_citizen, linkage.person_link, linkage.person_mention, linkage.trusted_identifier]
---*/
with named as (
    select distinct link.person_key, mention.name_key, mention.birth_date, mention.birth_year
    from linkage.person_mention as mention
    join linkage.person_link as link on link.mention_no = mention.mention_no
    where mention.name_key is not null
),
carried as (
    select distinct link.person_key, identifier.kind, identifier.value
    from linkage.trusted_identifier as identifier
    join linkage.person_link as link on link.mention_no = identifier.mention_no
    where identifier.kind in ('citizen', 'si', 'old', 'passport')
),
-- two adjacent digits hidden: one digit mistyped, or two swapped, gives the same mask
masked as (
    select carried.person_key, carried.kind, named.name_key, named.birth_year,
        substr(value, 1, place.i - 1) || '**' || substr(value, place.i + 2) as mask
    from carried
    join named on named.person_key = carried.person_key
    join (select unnest(range(1, 12)) as i) as place on place.i < length(carried.value)
),
near_miss as (
    select distinct a.person_key, b.person_key as other_key
    from masked as a
    join masked as b on b.kind = a.kind and b.mask = a.mask and b.name_key = a.name_key and b.person_key <> a.person_key
    left join linkage.person_citizen as one on one.person_key = a.person_key
    left join linkage.person_citizen as other on other.person_key = b.person_key
    where (a.birth_year is null or b.birth_year is null or a.birth_year = b.birth_year)
      -- two people with clearly different citizen ids are two, though their other numbers are neighbours
      and (one.citizen_id is null or other.citizen_id is null or damerau_levenshtein(one.citizen_id, other.citizen_id) <= 2)
),
same_name_and_birth as (
    select distinct a.person_key, b.person_key as other_key
    from named as a
    join named as b on b.name_key = a.name_key and b.birth_year = a.birth_year and b.person_key <> a.person_key
    left join linkage.person_citizen as one on one.person_key = a.person_key
    left join linkage.person_citizen as other on other.person_key = b.person_key
    where (one.citizen_id is null or other.citizen_id is null or damerau_levenshtein(one.citizen_id, other.citizen_id) <= 2)
      and (starts_with(a.birth_date, b.birth_date) or starts_with(b.birth_date, a.birth_date))
),
final as (
    select person_key, other_key from linkage.contradiction
    union
    select other_key, person_key from linkage.contradiction
    union
    select person_key, other_key from near_miss
    union
    select person_key, other_key from same_name_and_birth
)
select * from final
