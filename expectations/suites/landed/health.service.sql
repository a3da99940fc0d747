/*---
check: visit_exists
level: warn
expected: each visit_id stands in health.visit
title_vi: Dịch vụ thuộc một lượt khám đã nhận
title_en: A service belongs to a delivered visit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what health.service and health.visit cover; records that point nowhere are kept
allowed_percent: 1
---*/
select health_service._record_key
from health_service
where health_service.visit_id is not null
  and not exists (
    select 1 from health_visit where health_visit.visit_id = health_service.visit_id
  )
