-- order: registry, dataset, record_key, role, person_key
-- One row per record and role: whom the record is about, and how that is known.
select
    link.registry::varchar as registry,
    link.dataset::varchar as dataset,
    link.record_key::varchar as record_key,
    link.role::varchar as role,
    link.person_key::varchar as person_key,
    link.method::varchar as method,
    link.score::double as score,
    snapshot.snapshot::varchar as snapshot
from main.link
cross join main.snapshot
