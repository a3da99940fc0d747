/*---
check: tax_code_exists
level: warn
expected: each tax_code stands in tax.taxpayer
title_vi: Đơn vị sử dụng lao động có trong danh bạ người nộp thuế
title_en: An employer's tax code stands among the taxpayers
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what labour.workforce and tax.taxpayer cover; records that point nowhere are kept
allowed_percent: 1
---*/
select labour_workforce._record_key
from labour_workforce
where labour_workforce.tax_code is not null
  and not exists (
    select 1 from tax_taxpayer where regexp_replace(tax_taxpayer.tax_code, '\D', '', 'g') = regexp_replace(labour_workforce.tax_code, '\D', '', 'g')
  )

/*---
check: dates_in_order
level: warn
expected: contract_from is not after contract_to
title_vi: Ngày bắt đầu hợp đồng không sau ngày kết thúc
title_en: A contract begins before it ends
---*/
select _record_key
from labour_workforce
where contract_to < contract_from
