/*---
grain: "one row per certificate (certificate_no)"
uses: [linkage.person_link, staging.health_certificate]
---*/
select link.person_key, certificate.certificate_no, certificate.certificate_serial, certificate.kind, certificate.visit_id,
    certificate.facility_code, certificate.doctor_code, certificate.from_date, certificate.to_date, certificate.days,
    certificate.issued_on, certificate.record_key
from staging.health_certificate as certificate
join linkage.person_link as link
  on link.registry = 'health' and link.dataset = 'certificate' and link.record_key = certificate.record_key
