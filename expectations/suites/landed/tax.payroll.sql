/*---
check: tax_code_exists
level: warn
expected: each tax_code stands in tax.taxpayer
title_vi: Mã số thuế của bảng kê có trong danh bạ người nộp thuế
title_en: A payroll line's tax code stands among the taxpayers
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what tax.payroll and tax.taxpayer cover; records that point nowhere are kept
allowed_percent: 1
---*/
select tax_payroll._record_key
from tax_payroll
where tax_payroll.tax_code is not null
  and not exists (
    select 1 from tax_taxpayer where regexp_replace(tax_taxpayer.tax_code, '\D', '', 'g') = regexp_replace(tax_payroll.tax_code, '\D', '', 'g')
  )

/*---
check: year_plausible
level: warn
expected: a year from 2009 to the year of the run
title_vi: Năm của bảng kê hợp lý
title_en: The year of a payroll line is plausible
---*/
select _record_key
from tax_payroll
where year not between 2009 and year($as_of)

/*---
check: deductions_within_income
level: warn
expected: insurance and tax between zero and income
title_vi: Bảo hiểm và thuế khấu trừ không quá thu nhập
title_en: Insurance and tax deducted are part of the income
---*/
select _record_key
from tax_payroll
where insurance_deducted_vnd > income_vnd or insurance_deducted_vnd < 0 or tax_vnd > income_vnd or tax_vnd < 0
