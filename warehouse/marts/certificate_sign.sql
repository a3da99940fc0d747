/*---
grain: "one row per serial the health registry knows of, whether its record kept the contract or was set aside (serial)"
uses: [marts.certificate, staging.set_aside]
---*/
select certificate_serial as serial from marts.certificate
union
select serial from staging.set_aside where registry = 'health' and dataset = 'certificate'
