/*---
grain: "one row per mention and identifier it carries (mention_no, field); `verdict` is trusted or why not"
uses: [linkage.person_mention]
params: [as_of]
---*/
with carried as (
    select mention_no, sex, birth_year, 'citizen_id' as field, citizen_id as value from linkage.person_mention where citizen_id is not null
    union all
    select mention_no, sex, birth_year, 'si_number', si_number from linkage.person_mention where si_number is not null
    union all
    select mention_no, sex, birth_year, 'old_id', old_id from linkage.person_mention where old_id is not null
    union all
    select mention_no, sex, birth_year, 'tax_code', tax_code from linkage.person_mention where tax_code is not null
    union all
    select mention_no, sex, birth_year, 'passport_no', passport_no from linkage.person_mention where passport_no is not null
    union all
    select mention_no, sex, birth_year, 'other_id', other_id from linkage.person_mention where other_id is not null
    union all
    select mention_no, sex, birth_year, 'hi_card', hi_card from linkage.person_mention where hi_card is not null
),
typed as (
    select mention_no, sex, birth_year, field,
        case
            -- since 7/2025 and 8/2025 the citizen id also stands where the tax code and the SI number stood
            when field <> 'hi_card' and field <> 'passport_no' and regexp_matches(carried.value, '^\d{12}$') then 'citizen'
            when field in ('old_id', 'other_id', 'citizen_id') and regexp_matches(carried.value, '^\d{9}$') then 'old'
            when field = 'si_number' and regexp_matches(carried.value, '^\d{10}$') then 'si'
            when field = 'hi_card' and regexp_matches(carried.value, '^([A-Z]{2}\d{3})?\d{10}$') and carried.value not like 'TE1%' then 'si'
            when field = 'tax_code' and regexp_matches(carried.value, '^\d{10}$') then 'tax'
            when field = 'passport_no' and regexp_matches(carried.value, '^[A-Z]{0,3}\d{5,9}[A-Z]?$') then 'passport'
        end as kind,
        case when field = 'hi_card' then substr(carried.value, length(carried.value) - 9, 10) else carried.value end as value
    from carried
),
digits as (
    select typed.*,
        case when kind = 'citizen' then try_cast(substr(value, 4, 1) as integer) end as century_sex,
        case when kind = 'citizen' then try_cast(substr(value, 5, 2) as integer) end as year_in_century,
        case when kind = 'tax' then (
            31 * try_cast(substr(value, 1, 1) as integer) + 29 * try_cast(substr(value, 2, 1) as integer)
            + 23 * try_cast(substr(value, 3, 1) as integer) + 19 * try_cast(substr(value, 4, 1) as integer)
            + 17 * try_cast(substr(value, 5, 1) as integer) + 13 * try_cast(substr(value, 6, 1) as integer)
            + 7 * try_cast(substr(value, 7, 1) as integer) + 5 * try_cast(substr(value, 8, 1) as integer)
            + 3 * try_cast(substr(value, 9, 1) as integer)) % 11 end as tax_remainder,
        case when kind = 'tax' then try_cast(substr(value, 10, 1) as integer) end as tax_check_digit
    from typed
),
judged as (
    select digits.*,
        1900 + 100 * (century_sex // 2) + year_in_century as id_birth_year,
        case century_sex % 2 when 0 then 'M' when 1 then 'F' end as id_sex,
        kind is null as is_malformed,
        -- all digits alike, a run of the keyboard, or a serial of zeros: typed to fill the box
        regexp_matches(value, '^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$')
            or contains('01234567890123456789', value) or contains('98765432109876543210', value)
            or (kind = 'citizen' and (value like '%000000' or value like '%999999'))
            or (kind in ('si', 'old', 'tax') and value like '%0000000') as is_placeholder,
        kind = 'tax' and (tax_remainder = 0 or 10 - tax_remainder <> tax_check_digit) as is_checksum_wrong,
        kind = 'citizen' and substr(value, 1, 3) not in (
            '001', '002', '004', '006', '008', '010', '011', '012', '014', '015', '017', '019', '020', '022', '024', '025',
            '026', '027', '030', '031', '033', '034', '035', '036', '037', '038', '040', '042', '044', '045', '046', '048',
            '049', '051', '052', '054', '056', '058', '060', '062', '064', '066', '067', '068', '070', '072', '074', '075',
            '077', '079', '080', '082', '083', '084', '086', '087', '089', '091', '092', '093', '094', '095', '096') as is_province_unknown
    from digits
),
looked_at as (
    select mention_no, field, kind, value,
        case
            when is_malformed then 'malformed'
            when is_placeholder then 'placeholder'
            when is_checksum_wrong then 'checksum wrong'
            when is_province_unknown then 'province unknown'
            when kind = 'citizen' and id_birth_year > cast(substr(cast($as_of as varchar), 1, 4) as integer) then 'born in the future'
            when kind = 'citizen' and id_sex <> sex then 'sex differs from the record'
            when kind = 'citizen' and id_birth_year <> birth_year then 'birth year differs from the record'
            else 'trusted'
        end as verdict
    from judged
),
-- a record that carries two different citizen ids has mistyped one: the one that other records know stands
citizen as (
    select distinct mention_no, value from looked_at where kind = 'citizen' and verdict = 'trusted'
),
known as (
    select value, count(*) as mentions from citizen group by value
),
weighed as (
    select citizen.mention_no, citizen.value, known.mentions from citizen join known on known.value = citizen.value
),
best_known as (
    select mention_no, max(mentions) as mentions, count(*) as carried from weighed group by mention_no
),
standing as (
    select weighed.mention_no, min(weighed.value) as value, count(*) as rivals
    from weighed
    join best_known on best_known.mention_no = weighed.mention_no
    where best_known.carried > 1 and weighed.mentions = best_known.mentions
    group by weighed.mention_no
),
final as (
    select looked_at.mention_no, looked_at.field, looked_at.kind, looked_at.value,
        case when looked_at.kind = 'citizen' and looked_at.verdict = 'trusted'
                and (standing.rivals > 1 or standing.value <> looked_at.value) then 'another citizen id in the same record'
             else looked_at.verdict end as verdict
    from looked_at
    left join standing on standing.mention_no = looked_at.mention_no
)
select * from final
