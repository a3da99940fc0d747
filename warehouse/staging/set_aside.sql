/*---
grain: "one row per record that has a version in quarantine (registry, dataset, record_key)"
uses: [raw.set_aside]
---*/
select registry, dataset, record_key,
    regexp_replace(translate(upper(record_key), 'OIL ./-_', '011'), '(^|[A-Z])0+', '\1', 'g') as serial
from raw.set_aside
group by registry, dataset, record_key
