/*---
check: enterprise_exists
level: warn
expected: each enterprise_code stands in investment.enterprise
title_vi: Dự án thuộc một doanh nghiệp đã đăng ký
title_en: A project belongs to a registered enterprise
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what investment.project and investment.enterprise cover; records that point nowhere are kept
allowed_percent: 1
---*/
select investment_project._record_key
from investment_project
where investment_project.enterprise_code is not null
  and not exists (
    select 1 from investment_enterprise where investment_enterprise.enterprise_code = investment_project.enterprise_code
  )
