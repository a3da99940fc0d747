/*---
rule: BG03
title_vi: Chứng từ hưởng ốm đau không có trên dữ liệu y tế
title_en: Sick-leave certificate absent from the health registry
subject: person
law: [{act: 41/2024/QH15, article: "47"}, {act: 100/2015/QH13, article: "214"}]
uses: [law.certificate_wait_days, marts.benefit, marts.certificate, marts.certificate_sign, marts.facility]
needs: [insurance.benefit, health.certificate]
inputs: [benefit.kind, benefit.certificate_no, benefit.paid_on, benefit.amount_vnd, certificate_sign.serial, facility.facility_code]
params: [as_of]
innocent:
  - {vi: cơ sở y tế đẩy dữ liệu chậm, en: the facility uploads late, document: bản gốc giấy chứng nhận và xác nhận của cơ sở y tế}
  - {vi: giấy chứng nhận giấy hoặc của cơ sở nước ngoài, en: a paper certificate or one from abroad, document: "giấy tờ được dịch, chứng thực"}
  - {vi: số sê-ri bị gõ sai, en: the serial was mistyped, document: bản gốc giấy chứng nhận}
reason_vi: "{person} được chi trả {principal_vnd} chế độ ốm đau ngày {paid_on} theo giấy chứng nhận số {certificate}, nhưng sau {wait_days} ngày cơ sở dữ liệu y tế vẫn không có giấy chứng nhận này."
reason_en: "{person} was paid {principal_vnd} of sickness benefit on {paid_on} on certificate {certificate}, but {wait_days} days later the health registry still has no such certificate."
---*/
with claimed as (
    select benefit.person_key, benefit.benefit_id, benefit.certificate_no, benefit.certificate_serial, benefit.facility_code,
        benefit.unit_code, benefit.from_date, benefit.to_date, benefit.amount_vnd, benefit.paid_on, benefit.record_key,
        cast(wait.amount as integer) as wait_days
    from marts.benefit as benefit
    join law.certificate_wait_days as wait on benefit.paid_on between wait.valid_from and wait.valid_to
    where benefit.kind in ('sickness', 'child_sickness') and benefit.certificate_no is not null
      -- a negative amount is money taken back
      and benefit.amount_vnd >= 0
      and date_diff('day', benefit.paid_on, $as_of) >= wait.amount
),
-- the same person's certificate for the same days under a serial one keystroke away is that certificate
mistyped as (
    select distinct claimed.benefit_id
    from claimed
    join marts.certificate as certificate
      on certificate.person_key = claimed.person_key
      and certificate.from_date <= claimed.to_date and certificate.to_date >= claimed.from_date
    where damerau_levenshtein(certificate.certificate_serial, claimed.certificate_serial) <= 1
),
final as (
    select 'person' as subject_kind, claimed.person_key, claimed.facility_code, claimed.benefit_id as item, 'suspected' as status,
        case when claimed.facility_code is null or facility.facility_code is not null then 'B' else 'C' end as grade,
        claimed.from_date, claimed.to_date, claimed.amount_vnd as principal_vnd,
        ['insurance.benefit:' || claimed.record_key] as evidence,
        case when claimed.facility_code is not null and facility.facility_code is null
             then ['facility_not_in_register'] else cast([] as varchar[]) end as doubts,
        claimed.certificate_no as fact_certificate, claimed.paid_on as fact_paid_on, claimed.wait_days as fact_wait_days
    from claimed
    left join marts.certificate_sign as sign on sign.serial = claimed.certificate_serial
    left join mistyped on mistyped.benefit_id = claimed.benefit_id
    left join marts.facility as facility on facility.facility_code = claimed.facility_code
    where sign.serial is null and mistyped.benefit_id is null
)
select * from final
