/*---
check: tax_code_exists
level: warn
expected: each tax_code stands in tax.taxpayer
title_vi: Mã số thuế của tờ khai có trong danh bạ người nộp thuế
title_en: A return's tax code stands among the taxpayers
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what tax.withholding and tax.taxpayer cover; records that point nowhere are kept
allowed_percent: 1
---*/
select tax_withholding._record_key
from tax_withholding
where tax_withholding.tax_code is not null
  and not exists (
    select 1 from tax_taxpayer where regexp_replace(tax_taxpayer.tax_code, '\D', '', 'g') = regexp_replace(tax_withholding.tax_code, '\D', '', 'g')
  )

/*---
check: contracted_within_workers
level: warn
expected: no more contracted workers than workers
title_vi: Lao động có hợp đồng không quá tổng số lao động
title_en: Contracted workers are among the workers
---*/
select _record_key
from tax_withholding
where workers_contracted > workers or workers_contracted < 0

/*---
check: tax_within_income
level: warn
expected: tax between zero and income
title_vi: Thuế khấu trừ không quá thu nhập
title_en: Tax withheld is part of the income
---*/
select _record_key
from tax_withholding
where tax_vnd > income_vnd or tax_vnd < 0
