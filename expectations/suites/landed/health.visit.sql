/*---
check: times_in_order
level: warn
expected: admitted_at is not after discharged_at
title_vi: Vào viện không sau ra viện
title_en: A visit begins before it ends
---*/
select _record_key
from health_visit
where discharged_at < admitted_at

/*---
check: facility_exists
level: warn
expected: each facility_code stands in health.facility
title_vi: Cơ sở khám có trong danh mục
title_en: The facility of a visit is known
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what health.visit and health.facility cover; records that point nowhere are kept
---*/
select health_visit._record_key
from health_visit
where health_visit.facility_code is not null
  and not exists (
    select 1 from health_facility where health_facility.facility_code = health_visit.facility_code
  )

/*---
check: paid_within_total
level: warn
expected: the insurer pays between zero and the total
title_vi: Quỹ chi trả không quá tổng chi phí
title_en: The insurer's share is part of the total
---*/
select _record_key
from health_visit
where insurer_paid_vnd > total_vnd or insurer_paid_vnd < 0
