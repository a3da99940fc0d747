"""A small published snapshot, written with plain SQL as the agreement between the rooms describes it."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from common.files import DataFolder, sha256_of, write_json
from common.settings import Settings

AT = datetime(2026, 7, 1, 2, 3, 4, tzinfo=UTC)
"""When the tests read."""

SNAPSHOT = "20260701T010000000000Z"

WAREHOUSE = """
create table snapshot(snapshot varchar, as_of date, previous varchar, created_at timestamptz, law_version varchar);
insert into snapshot values ('{name}', date '2026-06-30', null, timestamptz '2026-07-01 01:00:00+07', 'law-1');

create table rule(rule varchar, rule_version varchar, title_vi varchar, title_en varchar, subject varchar, law varchar,
    reason_vi varchar, reason_en varchar, innocent_vi varchar[], innocent_en varchar[], inputs varchar[],
    params varchar[], file varchar, skipped_reason varchar);
insert into rule values
    ('CD02', 'v1', 'Chậm đóng 30–60 ngày', 'Late 30–60 days', 'employer', '41/2024/QH15 Đ38.1',
     '{{name}} ({{tax_code}}), đơn vị {{unit_name}}, còn {{principal_vnd}} của tháng {{month}}, hạn {{deadline}}.',
     '{{name}} ({{tax_code}}), unit {{unit_name}}, lacks {{principal_vnd}} of {{month}}, due {{deadline}}.',
     ['đã nộp sang đơn vị khác'], ['paid to another unit'], ['unit_month.unpaid_vnd'], ['late_warning_days'], 'CD02.sql', null),
    ('BG18', 'v1', 'Chi trả sau khi chết', 'Benefit after death', 'person', '41/2024/QH15 Đ75.2.a',
     '{{person}} hưởng {{amount_vnd}} từ {{from_date}} dù đã mất ngày {{died_on}}.',
     '{{person}} was paid {{amount_vnd}} from {{from_date}} though dead on {{died_on}}.',
     ['liên kết nhầm người'], ['a wrong person linked'], ['death.died_on'], [], 'BG18.sql', null),
    ('TD01', 'v1', 'Đơn vị trả lương chưa đăng ký', 'Paying unit not registered', 'employer', '41/2024/QH15 Đ39.1.a',
     '{{name}} trả lương.', '{{name}} pays wages.', [], [], [], [], 'TD01.sql', 'tax.withholding not offered');

create table finding(finding_id varchar, flag_id varchar, rule varchar, rule_version varchar, status varchar,
    grade varchar, subject_kind varchar, employer_key varchar, unit_code varchar, person_key varchar,
    facility_code varchar, doctor_code varchar, office_code varchar, item varchar, from_date date, to_date date,
    principal_vnd bigint, interest_vnd bigint, days_late integer, law varchar, facts varchar, steps varchar,
    params varchar, stale_sources varchar[], doubts varchar[], first_seen date, last_seen date, change varchar);
insert into finding values
    ('f2', 'g1', 'CD02', 'v1', 'late', 'A', 'employer', 'e1', 'TZ0001L', null, null, null, null, 'TZ0001L/2026-04',
     '2026-04-01', '2026-04-30', 12345678, 4567, 30, '41/2024/QH15 Đ38.1',
     '{{"month": "2026-04", "principal_vnd": 12345678, "deadline": "2026-05-31"}}',
     '[{{"fund": "si", "amount_vnd": 12345678, "rate": "0.0003", "days": 30, "interest_vnd": 111111}}]',
     '{{"late_interest_daily_rate": {{"value": "0.0003", "from": "2025-07-01", "reference": "Đ40"}}}}',
     ['insurance'], ['source_empty:insurance.payment', 'a doubt of its own'], '2026-06-01', '2026-06-30', 'standing'),
    ('f1', 'g2', 'BG18', 'v1', 'suspected', 'B', 'person', null, null, 'p1', null, null, null, 'BEN-1',
     '2026-02-01', null, null, null, null, '41/2024/QH15 Đ75.2.a',
     '{{"amount_vnd": 3500000, "from_date": "2026-02-01", "died_on": null}}', '[]', '{{}}',
     null, [], '2026-06-30', '2026-06-30', 'new'),
    ('f3', 'g3', 'CD02', 'v1', 'late', 'A', 'employer', 'e2', 'HP0002A', null, null, null, null, 'HP0002A/2026-04',
     '2026-04-01', '2026-04-30', 999, 0, 30, '41/2024/QH15 Đ38.1',
     '{{"month": "2026-04", "deadline": "2026-05-31"}}', '[]', '{{}}', [], [],
     '2026-06-30', '2026-06-30', 'new');

create table finding_evidence(finding_id varchar, position integer, role varchar, registry varchar, dataset varchar,
    record_key varchar, pull varchar);
insert into finding_evidence values
    ('f2', 0, 'due', 'insurance', 'charge', 'C1', 'pull1'),
    ('f1', 0, 'benefit', 'insurance', 'benefit', 'BEN-1', 'pull1'),
    ('f1', 1, 'death', 'health', 'death', 'D-1', 'pull1');

create table flag(flag_id varchar, rule varchar, status varchar, subject_kind varchar, employer_key varchar,
    unit_code varchar, person_key varchar, facility_code varchar, doctor_code varchar, office_code varchar,
    findings integer, workers integer, principal_vnd bigint, interest_vnd bigint, oldest_from date, grade varchar,
    first_seen date, last_seen date, change varchar);
insert into flag values
    ('g1', 'CD02', 'late', 'employer', 'e1', null, null, null, null, null, 1, 12, 12345678, 4567, '2026-04-01', 'A',
     '2026-06-01', '2026-06-30', 'standing'),
    ('g2', 'BG18', 'suspected', 'person', null, null, 'p1', null, null, null, 1, null, null, null, '2026-02-01', 'B',
     '2026-06-30', '2026-06-30', 'new'),
    ('g3', 'CD02', 'late', 'employer', 'e2', null, null, null, null, null, 1, 3, 999, 0, '2026-04-01', 'A',
     '2026-06-30', '2026-06-30', 'new'),
    ('g4', 'CD02', 'late', 'employer', 'e3', null, null, null, null, null, 0, null, null, null, null, 'A',
     '2026-05-01', '2026-05-31', 'cleared');

create table link(registry varchar, dataset varchar, record_key varchar, role varchar, person_key varchar,
    method varchar, score double);
insert into link values
    ('insurance', 'benefit', 'BEN-1', 'self', 'p1', 'identifier', null),
    ('health', 'death', 'D-1', 'self', 'p1', 'probabilistic', 0.97);

create table employer(employer_key varchar, unit_codes varchar[], branch_codes varchar[], project_codes varchar[],
    province_code varchar);
insert into employer values
    ('e1', ['TZ0001L', 'TZ0001M'], ['0101234567-001'], null, '66'),
    ('e2', ['HP0002A'], [], [], '31'),
    ('e3', [], [], [], '31');

create table indicator(area_code varchar, geography varchar, as_of date, indicator varchar, numerator bigint,
    denominator bigint, percent decimal(9, 4), target_percent decimal(9, 4));
insert into indicator values ('66', 'after_2025_07', date '2026-06-30', 'si', 1, 3, 33.3333, null);

create table doubt_word(doubt varchar, text_vi varchar, text_en varchar);
insert into doubt_word values ('source_empty', 'Nguồn này không có bản ghi nào.', 'This source is empty.');

create table source(registry varchar, dataset varchar, offered boolean, pulls integer, newest_pull varchar,
    newest_record_at timestamptz, is_stale boolean, stale_reason varchar);
insert into source values
    ('insurance', 'payment', true, 2, 'pull1', timestamptz '2026-06-01 00:00:00+07', true, 'no answer'),
    ('insurance', 'charge', true, 2, 'pull1', timestamptz '2026-06-29 00:00:00+07', false, null);
"""

IDENTITY = """
create table person(person_key varchar, full_name varchar, citizen_id varchar, si_number varchar, passport_no varchar,
    birth_date varchar, sex varchar);
insert into person values ('p1', 'Nguyễn Thị Ánh', '066180001234', '6612345678', null, '1980', 'F');
create table employer(employer_key varchar, tax_code varchar, name varchar, address varchar);
insert into employer values
    ('e1', '0101234567', '=CMD|''calc''!A1 Công ty TNHH Đắk Lắk', 'Buôn Ma Thuột'),
    ('e2', '031080001234', 'Hộ kinh doanh Trần Văn Bình', null),
    ('e3', '0309999999', 'Công ty đã xong', null);
create table unit(unit_code varchar, employer_key varchar, name varchar);
insert into unit values ('TZ0001L', 'e1', 'Xưởng 1');
create table record(registry varchar, dataset varchar, record_key varchar, pull varchar, updated_at timestamptz,
    record varchar);
insert into record values
    ('insurance', 'benefit', 'BEN-1', 'pull1', timestamptz '2026-02-10 08:00:00+07',
     '{"_pull": "pull1", "benefit_id": "BEN-1", "full_name": "Nguyễn Thị Ánh", "citizen_id": "066180001234", "birth_date": "1980-05-01",
       "bank_account": "0011223344", "amount_vnd": 3500000, "from_date": "2026-02-01", "kind": "pension"}'),
    ('health', 'death', 'D-1', 'pull1', timestamptz '2026-01-10 08:00:00+07',
     '{"notice_no": "D-1", "full_name": "Nguyễn Thị Ánh", "citizen_id": "066180001234", "died_on": "2026-01-05"}'),
    ('insurance', 'charge', 'C1', 'pull1', timestamptz '2026-05-01 08:00:00+07',
     '{"charge_id": "C1", "unit_code": "TZ0001L", "due_vnd": 12345678}');
create table mention(registry varchar, dataset varchar, record_key varchar, role varchar, full_name varchar,
    name_key varchar, birth_date varchar, sex varchar);
insert into mention values
    ('insurance', 'benefit', 'BEN-1', 'self', 'Nguyễn Thị Ánh', 'nguyen thi anh', '1980-05-01', 'F'),
    ('health', 'death', 'D-1', 'self', 'NGUYỄN THỊ ANH', 'nguyen thi anh', '1980-01-05', null);
create table mention_identifier(registry varchar, dataset varchar, record_key varchar, role varchar, kind varchar,
    value varchar, verdict varchar);
insert into mention_identifier values
    ('insurance', 'benefit', 'BEN-1', 'self', 'citizen', '066180001234', 'trusted'),
    ('insurance', 'benefit', 'BEN-1', 'self', 'si', '6612345678', 'trusted'),
    ('insurance', 'benefit', 'BEN-1', 'self', 'old', '123456789', 'placeholder'),
    ('health', 'death', 'D-1', 'self', 'citizen', '066180001234', 'trusted'),
    ('health', 'death', 'D-1', 'self', 'old', '123456789', 'placeholder');
"""


def publish_example(root: Path, name: str = SNAPSHOT) -> Settings:
    """Write the example snapshot under `root/var` and make it the live one."""
    settings = Settings(path=root / "doichieu.toml", data_dir=root / "var")
    folder = settings.data.snapshot(name)
    folder.mkdir(parents=True)
    for file, text in (
        ("warehouse.duckdb", WAREHOUSE.format(name=name)),
        ("identity.duckdb", IDENTITY),
    ):
        with duckdb.connect(str(folder / file)) as connection:
            connection.execute(text)
    write_json(
        folder / "manifest.json",
        {
            "snapshot": name,
            "as_of": "2026-06-30",
            "created_at": "2026-07-01T01:00:00+07:00",
            "files": {file: {"sha256": sha256_of(folder / file)} for file in ("warehouse.duckdb", "identity.duckdb")},
        },
    )
    make_live(settings.data, name)
    return settings


def make_live(data: DataFolder, name: str) -> None:
    data.current.unlink(missing_ok=True)
    data.current.symlink_to(name)
