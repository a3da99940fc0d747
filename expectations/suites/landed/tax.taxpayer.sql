/*---
check: parent_exists
level: warn
expected: each parent_tax_code stands in tax.taxpayer
title_vi: Đơn vị chủ quản có trong danh bạ người nộp thuế
title_en: A parent's tax code stands among the taxpayers
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what tax.taxpayer and tax.taxpayer cover; records that point nowhere are kept
allowed_percent: 1
---*/
select tax_taxpayer._record_key
from tax_taxpayer
where tax_taxpayer.parent_tax_code is not null
  and not exists (
    select 1 from tax_taxpayer as parent where parent.tax_code = tax_taxpayer.parent_tax_code
  )
