/*---
check: tax_code_exists
level: warn
expected: each tax_code stands in tax.taxpayer
title_vi: Mã số thuế của đơn vị có trong danh bạ người nộp thuế
title_en: A unit's tax code stands among the taxpayers
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.unit and tax.taxpayer cover; records that point nowhere are kept
allowed_percent: 2
---*/
select insurance_unit._record_key
from insurance_unit
where insurance_unit.tax_code is not null
  and not exists (
    select 1 from tax_taxpayer where regexp_replace(tax_taxpayer.tax_code, '\D', '', 'g') = regexp_replace(insurance_unit.tax_code, '\D', '', 'g')
  )

/*---
check: dates_in_order
level: warn
expected: registered_on is not after stopped_on
title_vi: Ngày đăng ký không sau ngày ngừng tham gia
title_en: A unit registers before it stops
---*/
select _record_key
from insurance_unit
where stopped_on < registered_on
