/*---
grain: "one row per withholding return (return_id)"
uses: [linkage.employer_key, staging.tax_withholding]
---*/
select key.employer_key, withholding.return_id, withholding.tax_code_clean as tax_code, withholding.period,
    withholding.period_first_day, withholding.workers, withholding.workers_contracted, withholding.income_vnd,
    withholding.filed_on, withholding.record_key
from staging.tax_withholding as withholding
join linkage.employer_key as key on key.member = 'tax:' || withholding.tax_code_clean
