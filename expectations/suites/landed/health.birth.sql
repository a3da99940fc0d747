/*---
check: facility_exists
level: warn
expected: each facility_code stands in health.facility
title_vi: Cơ sở cấp giấy chứng sinh có trong danh mục
title_en: The facility of a birth is known
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what health.birth and health.facility cover; records that point nowhere are kept
---*/
select health_birth._record_key
from health_birth
where health_birth.facility_code is not null
  and not exists (
    select 1 from health_facility where health_facility.facility_code = health_birth.facility_code
  )

/*---
check: children_plausible
level: warn
expected: one to six children
title_vi: Số con của một lần sinh hợp lý
title_en: The number of children of one birth is plausible
---*/
select _record_key
from health_birth
where children not between 1 and 6
