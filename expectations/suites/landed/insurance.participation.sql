/*---
check: unit_exists
level: warn
expected: each unit_code stands in insurance.unit
title_vi: Quá trình tham gia thuộc một đơn vị đã đăng ký
title_en: Participation records point to a registered unit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.participation and insurance.unit cover; records that point nowhere are kept
---*/
select insurance_participation._record_key
from insurance_participation
where insurance_participation.unit_code is not null
  and not exists (
    select 1 from insurance_unit where insurance_unit.unit_code = insurance_participation.unit_code
  )

/*---
check: months_in_order
level: warn
expected: from_month is not after to_month
title_vi: Tháng bắt đầu không sau tháng kết thúc
title_en: A spell begins before it ends
---*/
select _record_key
from insurance_participation
where to_month < from_month

/*---
check: spells_do_not_overlap
level: warn
expected: spells of one person at one unit follow each other
title_vi: Các giai đoạn của một người tại một đơn vị không chồng nhau
title_en: Spells of one person at one unit do not overlap
allowed_percent: 1
---*/
with spell as (
  select
    _record_key,
    from_month,
    max(coalesce(to_month, '9999-12')) over (
      partition by si_number, unit_code
      order by from_month, _record_key
      rows between unbounded preceding and 1 preceding
    ) as earlier_until
  from insurance_participation
  where unit_code is not null
)
select _record_key
from spell
where from_month <= earlier_until

/*---
check: wage_positive
level: warn
expected: a wage above zero
title_vi: Tiền lương làm căn cứ đóng lớn hơn không
title_en: The wage of a spell with contributions is above zero
---*/
select _record_key
from insurance_participation
where wage_vnd <= 0 and (pays_si or pays_hi or pays_ui)
