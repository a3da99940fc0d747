/*---
check: tax_code_exists
level: warn
expected: each tax_code stands in tax.taxpayer
title_vi: Mã số thuế có trong danh bạ người nộp thuế
title_en: A revenue record's tax code stands among the taxpayers
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what tax.revenue and tax.taxpayer cover; records that point nowhere are kept
allowed_percent: 1
---*/
select tax_revenue._record_key
from tax_revenue
where tax_revenue.tax_code is not null
  and not exists (
    select 1 from tax_taxpayer where regexp_replace(tax_taxpayer.tax_code, '\D', '', 'g') = regexp_replace(tax_revenue.tax_code, '\D', '', 'g')
  )
