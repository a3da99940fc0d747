"""A source file drafted from what an address, a file or a database shows, and read back."""

import asyncio
import csv
import io
import json
import re
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from odd_registry import Answer, Asked, Reply, answering, as_json
from postgres_server import OWNER, PASSWORD, serving

from common.errors import ConfigurationError, SourceError
from common.settings import RegistrySettings, SecretPlace
from connectors.onboarding.drafting import Access, draft_source
from connectors.onboarding.drafting_text import SourceDraft
from connectors.onboarding.guessing import UNDECIDED, guess
from connectors.onboarding.naming import WireField, propose
from connectors.rest.http import RegistryClient
from connectors.source import Source, load_source
from contracts.loader import all_datasets, dataset

NOW = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
SIZE = 10
RECORDS = [
    {
        "mst": f"01{number:08}",
        "ten_nnt": f"Công ty TNHH Số {number}",
        "loai": ["DN", "HKD"][number % 2],
        "trang_thai": ["00", "03"][number % 2],
        "ngay_bat_dau": f"{1 + number % 28:02}/07/2015",
        "ma_tinh": "01",
        "cap_nhat": 1_775_000_000 + number,
        "can_bo": "tổ 3",
    }
    for number in range(35)
]


def draft(registry: str, given: str, folder: Path, *datasets: str, **access: Any) -> SourceDraft:
    return asyncio.run(
        draft_source(
            registry, given, datasets=datasets, access=Access(**access), out=folder / "s.toml", clock=lambda: NOW
        )
    )


def settled(drafted: SourceDraft, folder: Path, **codes: str) -> Source:
    """The draft with every `?` replaced, as an engineer would."""
    text = drafted.text()
    for code, value in codes.items():
        text = re.sub(rf'"?{code}"? = "\?"', f'"{code}" = "{value}"', text)
    path = folder / "s.toml"
    path.write_text(text.replace("#ignore", "ignore"), encoding="utf-8")
    return load_source(path)


def pages(asked: Asked, by: Callable[[int, int], dict[str, Any]], start: int) -> Reply:
    size = int(asked.query.get("size", SIZE))
    return as_json({"items": RECORDS[start : start + size], **by(start, size)})


def by_cursor(asked: Asked) -> Reply:
    start = int(asked.query.get("cursor", 0))
    return pages(asked, lambda at, size: {"next_cursor": at + size if at + size < 35 else None, "total": 35}, start)


def by_next_address(asked: Asked) -> Reply:
    start = int(asked.query.get("after", 0))
    address = f"http://{asked.headers['Host']}{asked.path}?size={asked.query.get('size', SIZE)}&after="
    following = lambda at, size: {"next": f"{address}{at + size}" if at + size < 35 else None, "previous": None}  # noqa: E731
    return pages(asked, following, start)


def by_link(asked: Asked) -> Reply:
    start = int(asked.query.get("after", 0))
    reply = as_json(RECORDS[start : start + SIZE])
    link = {"Link": f'<{asked.path}?after={start + SIZE}>; rel="next"'} if start + SIZE < 35 else {}
    return Reply(reply.body, headers={**reply.headers, **link, "X-Total-Count": "35"})


def by_page(asked: Asked) -> Reply:
    return pages(asked, lambda at, size: {"meta": {"tong_so": 35}}, (int(asked.query["trang"]) - 1) * SIZE)


def by_offset(asked: Asked) -> Reply:
    return pages(asked, lambda at, size: {"count": "35"}, int(asked.query["offset"]))


def columns_and_rows(asked: Asked) -> Reply:
    rows = [list(record.values()) for record in RECORDS]
    return as_json({"result": {"columns": [{"name": name} for name in RECORDS[0]], "rows": rows}})


def as_lines(asked: Asked) -> Reply:
    return Reply("\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS).encode())


def as_csv(asked: Asked) -> Reply:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(RECORDS[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(RECORDS)
    return Reply(written.getvalue().encode("utf-8-sig"), headers={"Content-Type": "text/csv"})


SERVICES: dict[str, tuple[Answer, str, str]] = {
    "a cursor": (by_cursor, "?size=10", "cursor"),
    "the next address in the body": (by_next_address, "?size=10", "next_url"),
    "a Link header": (by_link, "", "link"),
    "page numbers": (by_page, "?trang=1&size=10", "page"),
    "offsets": (by_offset, "?offset=0&size=10", "offset"),
    "columns and rows at once": (columns_and_rows, "", "none"),
    "JSON lines": (as_lines, "", "none"),
    "CSV with semicolons": (as_csv, "", "none"),
}


@pytest.mark.parametrize(("answer", "query", "kind"), SERVICES.values(), ids=SERVICES)
def test_a_draft_reads_the_whole_of_a_service_it_was_drafted_from_one_page_of(
    answer: Answer, query: str, kind: str, tmp_path: Path
) -> None:
    with answering(answer) as registry:
        drafted = draft("tax", f"{registry.url}/nnt{query}", tmp_path)
        source = settled(drafted, tmp_path, DN="organisation", **{"00": "active", "03": "closed"})
        assert source.rest is not None
        assert source.rest.paging.kind == kind
        assert source.datasets["taxpayer"].ignore == ("can_bo",)
        found = asyncio.run(_everything(source, registry.url))
    assert [record["mst"] for record in found] == [record["mst"] for record in RECORDS]


async def _everything(source: Source, url: str) -> list[dict[str, Any]]:
    settings = RegistrySettings(base_url=url, retry_wait_max_seconds=0.01)
    async with RegistryClient(settings, "tax", clock=lambda: NOW, attempts=1, rest=source.rest) as client:
        walk = client.pages("taxpayer", limit=SIZE, of=source.datasets["taxpayer"])
        return [record async for _, page in walk for record in json.loads(page.rows)]


def test_a_draft_says_what_it_knows_and_refuses_to_load_until_the_rest_is_settled(tmp_path: Path) -> None:
    with answering(by_cursor) as registry:
        drafted = draft("tax", f"{registry.url}/nnt", tmp_path)
    path = tmp_path / "s.toml"
    path.write_text(drafted.text(), encoding="utf-8")
    fields = tomllib.loads(drafted.text())["datasets"]["taxpayer"]["fields"]
    assert fields["tax_code"] == "mst"
    assert fields["started_on"] == {"from": "ngay_bat_dau", "parse": "dd/mm/yyyy"}
    assert fields["updated_at"] == {"from": "cap_nhat", "parse": "epoch_seconds"}
    assert fields["kind"]["recode"] == {"DN": UNDECIDED, "HKD": "household_business"}
    with pytest.raises(ConfigurationError) as refused:
        load_source(path)
    assert "taxpayer.fields.kind: recode.DN" in refused.value.what
    assert "taxpayer.fields.status: recode.00 = '?', recode.03 = '?': choose among active" in refused.value.what


def test_what_no_field_was_found_for_is_named_in_the_draft_and_in_its_refusal(tmp_path: Path) -> None:
    record = {"so_qd": "1", "ho_ten": "Nguyễn Thử", "muc_huong": 5}
    with answering(lambda asked: as_json([record])) as registry:
        drafted = draft("labour", f"{registry.url}/x", tmp_path, "unemployment")
    assert drafted.datasets[0].missing == ["from_date", "to_date", "status", "updated_at"]
    assert '#updated_at = "_pulled_at"' in drafted.text()
    assert "receiving, suspended, ended" in drafted.text()
    path = tmp_path / "s.toml"
    path.write_text(drafted.text(), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="requires from_date, to_date, status, updated_at; map each"):
        load_source(path)


def test_no_value_of_a_record_and_no_secret_gets_into_a_draft(tmp_path: Path) -> None:
    record = {
        "so_qd": "QD-77", "ho_ten": "Nguyễn Thử Thách", "gioi_tinh": "Nguyễn Thử Thách", "so_cccd": "001199012345",
        "tinh_trang": "0987654321", "dia_chi_rieng": "Số 5 đường Láng",
    }  # fmt: skip
    with answering(lambda asked: as_json({"data": [record] * 3})) as registry:
        drafted = draft(
            "labour",
            f"{registry.url}/tctn?api_key=s3cret-param",
            tmp_path,
            "unemployment",
            headers={"X-API-Key": "s3cret-header", "X-Don-Vi": "BHXH"},
        )
        asked = registry.asked[0]
    assert (asked.headers["X-API-Key"], asked.query["api_key"]) == ("s3cret-header", "s3cret-param")
    text = drafted.text()
    values = {part for value in record.values() for part in (value, *value.split()) if len(part) > 3}
    assert [value for value in [*values, "s3cret-param", "s3cret-header"] if value in text] == []
    assert 'key = { env = "LABOUR_KEY" }' in text
    assert 'X-Don-Vi = "BHXH"' in text


def test_user_and_password_are_shown_to_the_service_and_left_out_of_the_draft(tmp_path: Path) -> None:
    with answering(by_cursor) as registry:
        drafted = draft("tax", f"{registry.url}/nnt", tmp_path, user="bhxh", password="open sesame")
        assert registry.asked[0].headers["Authorization"].startswith("Basic ")
    auth = tomllib.loads(drafted.text())["rest"]["auth"]
    assert auth == {"kind": "basic", "user": "bhxh", "password": {"env": "TAX_PASSWORD"}}


def test_several_datasets_are_drafted_from_one_address_with_a_place_for_the_name(tmp_path: Path) -> None:
    revenue = {"mst": "0100000001", "nam": 2025, "doanh_thu": "1.234.567", "cap_nhat": "2026-01-02T00:00:00Z"}
    tables = {"taxpayer": RECORDS, "revenue": [revenue]}
    answer: Answer = lambda asked: as_json({"data": tables[asked.path.rpartition("/")[2]]})  # noqa: E731
    with answering(answer) as registry:
        drafted = draft("tax", f"{registry.url}/{{dataset}}", tmp_path, "taxpayer", "revenue")
        with pytest.raises(ConfigurationError, match="one address delivers one dataset"):
            draft("tax", f"{registry.url}/taxpayer", tmp_path, "taxpayer", "revenue")
    written = tomllib.loads(drafted.text())["datasets"]
    assert list(written) == ["taxpayer", "revenue"]
    assert written["revenue"]["fields"]["revenue_vnd"] == {"from": "doanh_thu", "parse": "1.234.567"}
    assert "path" not in written["revenue"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html><body>Sign in</body></html>", "neither JSON nor NDJSON nor CSV"),
        (b'{"message": "welcome"}', "holds no list of records"),
        (b'{"data": []}', "no list of records with anything in it"),
    ],
)
def test_an_answer_without_records_is_refused_with_what_to_do(body: bytes, said: str, tmp_path: Path) -> None:
    with answering(lambda asked: Reply(body)) as registry, pytest.raises(SourceError, match=said) as refused:
        draft("tax", f"{registry.url}/nnt", tmp_path)
    assert refused.value.remedy


def test_records_that_look_like_no_dataset_ask_for_its_name(tmp_path: Path) -> None:
    with (
        answering(lambda asked: as_json([{"a": 1, "b": 2}])) as registry,
        pytest.raises(ConfigurationError, match="nobody can tell which dataset of tax") as refused,
    ):
        draft("tax", f"{registry.url}/xyz", tmp_path)
    assert "taxpayer, withholding, payroll, revenue" in refused.value.remedy


def test_a_workbook_is_drafted_with_its_own_headings(tmp_path: Path) -> None:
    path = tmp_path / "inbox" / "don-vi.xlsx"
    path.parent.mkdir()
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Danh sách")
        sheet.write_row(0, 0, ["DANH SÁCH ĐƠN VỊ THAM GIA"])
        sheet.write_row(2, 0, ["STT", "Mã đơn vị", "Mã số thuế", "Tên đơn vị", "Ngày tham gia", "Mã tỉnh"])
        for number in range(4):
            sheet.write_row(3 + number, 0, [number + 1, f"TA000{number}A", "0101234567", "Công ty", "01/02/2020", "01"])
    drafted = draft("insurance", str(path), tmp_path)
    written = tomllib.loads(drafted.text())
    assert written["files"] == {"folder": "inbox", "pattern": "*.xlsx", "format": {"name": "table"}}
    fields = written["datasets"]["unit"]["fields"]
    assert fields["unit_code"] == "Mã đơn vị"
    assert fields["registered_on"] == {"from": "Ngày tham gia", "parse": "dd/mm/yyyy"}
    assert '#ignore = ["STT"]' in drafted.text()


def test_a_sqlite_file_is_drafted_table_by_table(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "thue.db")) as database, database:
        database.execute(f"create table dn ({', '.join(RECORDS[0])})")
        database.executemany(
            f"insert into dn values ({', '.join('?' * 8)})", [tuple(each.values()) for each in RECORDS]
        )
        database.execute("create table dthu (mst, nam, doanh_thu, cap_nhat)")
        database.execute("insert into dthu values ('0100000001', 2025, '12.000.000', 1775000000)")
        database.execute("create table nhat_ky (thoi_gian, noi_dung)")
    drafted = draft("tax", str(tmp_path / "thue.db"), tmp_path)
    written = tomllib.loads(drafted.text())
    assert written["database"] == {"url": "sqlite:///thue.db"}
    assert {name: each["table"] for name, each in written["datasets"].items()} == {"taxpayer": "dn", "revenue": "dthu"}
    assert written["datasets"]["taxpayer"]["changed"] == "cap_nhat"
    source = settled(drafted, tmp_path, DN="organisation", **{"00": "active", "03": "closed"})
    assert source.via_of("revenue") == "database"


def test_a_postgresql_database_is_drafted_without_its_password(tmp_path: Path) -> None:
    with serving() as server:
        database = server.database()
        database.run(
            "create table nop_tien (so_chung_tu text, ma_don_vi text, ngay_nop date, so_tien numeric, "
            "cap_nhat timestamptz); create view kho as select 1 as so; "
            "insert into nop_tien values ('CT1', 'TA0001A', '2026-01-02', 1000000, now())"
        )
        drafted = draft("insurance", database.url, tmp_path, user=OWNER, password=PASSWORD)
        with pytest.raises(SourceError, match="cannot be reached"):
            draft("insurance", database.url, tmp_path, user=OWNER, password="wrong")
    (tmp_path / "s.toml").write_text(drafted.text(), encoding="utf-8")
    source = load_source(tmp_path / "s.toml")
    assert source.database is not None
    assert (source.database.url, source.database.user) == (database.url, OWNER)
    assert source.database.password == SecretPlace(env="INSURANCE_PASSWORD")
    assert (source.datasets["payment"].table, source.datasets["payment"].changed) == ("nop_tien", "cap_nhat")
    assert list(source.datasets) == ["payment"]
    assert PASSWORD not in drafted.text()


@pytest.mark.parametrize(
    ("root", "registry", "packaged"),
    [
        ('<?xml version="1.0" encoding="UTF-8"?>\n<GIAMDINHHS><THONGTINDONVI/></GIAMDINHHS>', "health", "hi-claims"),
        ('\ufeff<HSoThueDTu xmlns="http://kekhaithue.gdt.gov.vn/TKhaiThue"/>', "tax", "etax"),
    ],
)
def test_xml_of_a_known_kind_starts_from_the_packaged_source(
    root: str, registry: str, packaged: str, tmp_path: Path
) -> None:
    path = tmp_path / "inbox" / "hs.xml"
    path.parent.mkdir()
    path.write_text(root, encoding="utf-8")
    (tmp_path / "s.toml").write_text(draft(registry, str(path), tmp_path).text(), encoding="utf-8")
    assert tomllib.loads((tmp_path / "s.toml").read_text(encoding="utf-8"))["extends"] == packaged
    source = load_source(tmp_path / "s.toml", registry)
    assert source.files is not None
    assert source.files.folder == tmp_path / "inbox"
    with pytest.raises(ConfigurationError, match=f"of the registry {registry}"):
        draft("labour", str(path), tmp_path)


def test_json_lines_in_a_file_are_drafted_too(tmp_path: Path) -> None:
    path = tmp_path / "nnt.ndjson"
    path.write_text("\n".join(json.dumps(record) for record in RECORDS), encoding="utf-8")
    drafted = draft("tax", str(path), tmp_path)
    assert drafted.tables["files.format"] == {"name": "ndjson"}
    assert drafted.datasets[0].contract.name == "taxpayer"


def test_nested_fields_are_reached_by_a_dot_and_what_lies_beside_them_is_told(tmp_path: Path) -> None:
    nested = [{"so_qd": "1", "nguoi": {"ho_ten": "Nguyễn Thử", "dan_toc": "Kinh"}, "khac": {"a": 1}}]
    with answering(lambda asked: as_json({"ket_qua": {"ds": nested}})) as registry:
        text = draft("labour", f"{registry.url}/x", tmp_path, "unemployment").text()
    assert 'full_name = "nguoi.ho_ten"' in text
    assert '#ignore = ["khac"]' in text
    assert "beside fields that are: nguoi.dan_toc" in text
    path = tmp_path / "tctn.json"
    path.write_text(json.dumps({"ket_qua": {"ds": nested}}), encoding="utf-8")
    text = draft("labour", str(path), tmp_path, "unemployment").text()
    assert 'record = "ket_qua.ds"' in text
    assert '#ignore = ["nguoi.dan_toc", "khac.a"]' in text


@pytest.mark.parametrize("contract", all_datasets(), ids=lambda each: each.full_name)
def test_the_contracts_own_names_and_titles_are_recognised_whatever_their_spelling(contract: Any) -> None:
    camel = [WireField(re.sub(r"_(\w)", lambda found: found[1].upper(), name), ()) for name in contract.names]
    assert list(propose(contract, camel).found) == list(contract.names)


@pytest.mark.parametrize(
    ("field", "texts", "expected"),
    [
        ("labour.workforce.birth_date", ["13/02/1980", "02/1980", "1980"], {"parse": ("dd/mm/yyyy",)}),
        ("labour.workforce.birth_date", ["19800213", "19800000"], {"parse": ("yyyymmdd",)}),
        ("labour.workforce.insured_from", ["01/2020"], {"parse": ("mm/yyyy",)}),
        ("labour.workforce.wage_vnd", ["12.345.678", "900.000"], {"parse": ("1.234.567",)}),
        ("labour.workforce.wage_vnd", ["12,345,678"], {"parse": ("1,234,567",)}),
        ("labour.workforce.wage_vnd", ["12345678"], {}),
        ("labour.workforce.contract_from", ["13/02/2020", "20200214"], {"parse": ("dd/mm/yyyy", "yyyymmdd")}),
        ("labour.workforce.sex", ["Nam", "Nữ", "Nam", "Nữ"], {"recode": {"Nam": "M", "Nữ": "F"}}),
        ("labour.workforce.sex", ["1", "2"], {"recode": {"1": UNDECIDED, "2": UNDECIDED}}),
        ("labour.workforce.sex", ["M", "F"], {}),
        ("labour.work_permit.intra_company", ["0", "1"], {"recode": {"0": "false", "1": "true"}}),
        ("health.visit.admitted_at", ["202601021530"], {"parse": ("yyyymmddHHMM",)}),
        ("health.visit.updated_at", ["1775000000123"], {"parse": ("epoch_milliseconds",)}),
        ("health.visit.hi_card", ["DN1;DN2", "DN3"], {"split": ";"}),
    ],
)
def test_how_values_are_written_is_told_from_the_values(field: str, texts: list[str], expected: dict[str, Any]) -> None:
    registry, name, column = field.split(".")
    found = guess(dataset(registry, name).field(column), texts)
    assert {key: value for key in ("parse", "recode", "split") if (value := getattr(found, key))} == expected


def test_a_day_that_could_be_a_month_is_pointed_out() -> None:
    started = dataset("tax", "taxpayer").field("started_on")
    assert "could be mm/dd/yyyy as well" in str(guess(started, ["02/03/2015", "11/12/2016"]).remark)
    assert guess(started, ["02/03/2015", "31/12/2016"]).remark is None
