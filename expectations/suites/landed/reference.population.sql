/*---
check: parts_within_whole
level: warn
expected: labour force and pensioners within the population
title_vi: Lực lượng lao động không quá dân số
title_en: The labour force is part of the population
---*/
select _record_key
from reference_population
where population < 0 or labour_force not between 0 and population or past_retirement_age not between 0 and population
