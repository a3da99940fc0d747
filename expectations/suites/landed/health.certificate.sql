/*---
check: dates_in_order
level: warn
expected: from_date is not after to_date
title_vi: Ngày bắt đầu nghỉ không sau ngày kết thúc
title_en: Certified leave begins before it ends
---*/
select _record_key
from health_certificate
where to_date < from_date

/*---
check: days_fit_dates
level: warn
expected: days equal the calendar days from first to last
title_vi: Số ngày nghỉ khớp với từ ngày – đến ngày
title_en: Days certified agree with the dates
allowed_percent: 1
---*/
select _record_key
from health_certificate
where days <> to_date - from_date + 1 and to_date >= from_date

/*---
check: facility_exists
level: warn
expected: each facility_code stands in health.facility
title_vi: Cơ sở cấp giấy có trong danh mục
title_en: The issuing facility is known
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what health.certificate and health.facility cover; records that point nowhere are kept
---*/
select health_certificate._record_key
from health_certificate
where health_certificate.facility_code is not null
  and not exists (
    select 1 from health_facility where health_facility.facility_code = health_certificate.facility_code
  )

/*---
check: visit_exists
level: warn
expected: each visit_id stands in health.visit
title_vi: Giấy chứng nhận gắn với một lượt khám
title_en: A certificate's visit was delivered
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what health.certificate and health.visit cover; records that point nowhere are kept
allowed_percent: 1
---*/
select health_certificate._record_key
from health_certificate
where health_certificate.visit_id is not null
  and not exists (
    select 1 from health_visit where health_visit.visit_id = health_certificate.visit_id
  )
