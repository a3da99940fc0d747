"""What a pull would make of a source's records, and what has changed since the last one, before anything is landed."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from odd_registry import Asked, Reply, answering, as_json
from pulling import NOW

from common.errors import ConfigurationError
from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.onboarding.check import DatasetCheck, check_registry
from connectors.onboarding.contract_diff import DatasetDiff, diff_registry
from connectors.pull import pull_registry

REST = """
registry = "tax"

[rest]
base_url = "{url}"

[rest.paging]
kind = "none"

[rest.incremental]
param = "{since}"
"""
MAPPING = """
[datasets.taxpayer]
ignore = ["noi_bo"]
{more}

[datasets.taxpayer.fields]
tax_code = "mst"
name = "ten"
kind = { from = "loai", recode = { DN = "organisation", CN = "individual" } }
status = { constant = "active" }
started_on = { from = "ngay", parse = "dd/mm/yyyy" }
province_code = "tinh"
address = "dia_chi"
updated_at = { from = "sua", parse = "epoch_seconds" }
"""
FIRST_CHANGE = 1_775_000_000


def record(number: int, **changes: Any) -> dict[str, Any]:
    given = {
        "mst": f"{number:010}",
        "ten": f"Công ty số {number}",
        "loai": "DN",
        "ngay": "31/12/2015",
        "tinh": "01",
        "dia_chi": "Số 5 đường Láng",
        "noi_bo": "x",
        "sua": FIRST_CHANGE + 7200 * number,
    }
    return {name: value for name, value in (given | changes).items() if value is not ...}


@dataclass
class Agency:
    """A service that gives everything at once, or what changed; and the source file that describes it."""

    folder: Path
    url: str
    records: list[dict[str, Any]] = field(default_factory=list)
    since: str = ""
    first: int = 100
    """Records it gives at once where nobody asks for changes."""

    def settings(self, mapping: str = MAPPING, more: str = "") -> Settings:
        path = self.folder / "tax.toml"
        text = REST.replace("{url}", self.url).replace("{since}", self.since) + mapping.replace("{more}", more)
        path.write_text(text, encoding="utf-8")
        access = RegistrySettings(source=path, attempts=1, retry_wait_max_seconds=0.01)
        return Settings(data_dir=self.folder / "var", registries={"tax": access})

    def answer(self, asked: Asked) -> Reply:
        if self.since and self.since in asked.query:
            moment = asked.query[self.since].replace("Z", "+00:00")
            after = datetime.fromisoformat(moment).timestamp()
            return as_json({"data": [each for each in self.records if each["sua"] >= after]})
        return as_json({"data": self.records[: self.first]})


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    served = Agency(tmp_path, "")

    def answer(asked: Asked) -> Reply:
        return served.answer(asked)

    with answering(answer) as registry:
        served.url = registry.url
        yield served


def check(settings: Settings, shown: int = 3, registry: str = "tax") -> dict[str, DatasetCheck]:
    found = asyncio.run(check_registry(settings, registry, clock=lambda: NOW, shown=shown))
    return {each.dataset: each for each in found}


def diff(settings: Settings) -> DatasetDiff:
    found = asyncio.run(diff_registry(settings, "tax", clock=lambda: NOW + timedelta(hours=1)))
    return next(each for each in found if each.check.dataset == "taxpayer")


def changes(settings: Settings) -> set[tuple[str, str | None, bool]]:
    return {(change.kind, change.field, change.is_new) for change in diff(settings).changes}


def pull(settings: Settings) -> None:
    pulling = pull_registry(settings, "tax", datasets=["taxpayer"], clock=lambda: NOW, progress=Silent())
    (outcome,) = asyncio.run(pulling)
    assert outcome.status == "landed", outcome.error


def test_records_are_shown_as_the_contract_would_see_them_with_the_reasons_against_them(agency: Agency) -> None:
    agency.records = [record(1), record(2, loai="XX", ngay="2015"), record(3, mst=None)]
    found = check(agency.settings())["taxpayer"]
    good, odd, keyless = found.look.records
    assert (good.values["tax_code"], good.values["kind"]) == ("0000000001", "organisation")
    assert (good.values["started_on"], good.values["status"]) == ("2015-12-31", "active")
    assert str(good.values["updated_at"]).endswith("+07:00")
    assert good.reasons == ()
    assert odd.reasons == ("kind: not one of DN, CN", "started_on: not written as dd/mm/yyyy")
    assert keyless.reasons == ("tax_code: missing",)
    assert (found.status, found.rows_seen, found.look.set_aside) == ("answers", 3, 2)
    assert found.look.odd_codes == {"kind": ("XX",)}
    assert found.notes == ("paging none: this is the last page",)
    assert not (agency.folder / "var").exists()


def test_a_check_finds_the_same_records_bad_for_the_same_reasons_as_the_pull_after_it(agency: Agency) -> None:
    agency.records = [record(1), record(2, ngay="30/02/2015"), record(3, loai=None), record(4, tinh={"ma": "01"})]
    settings = agency.settings()
    seen = check(settings, shown=10)["taxpayer"].look
    pull(settings)
    quarantined = duckdb.sql(
        f"select row, reasons from read_parquet('{settings.data.quarantine('tax', 'taxpayer')}/*.parquet') order by row"
    ).fetchall()
    assert [(at, list(each.reasons)) for at, each in enumerate(seen.records, start=1) if each.reasons] == quarantined


def test_drift_says_what_is_unknown_what_is_missing_and_what_nobody_delivers(agency: Agency) -> None:
    agency.records = [record(number, ten=..., dia_chi=..., email="a@example.gov.vn") for number in range(3)]
    found = check(agency.settings())["taxpayer"]
    assert found.look.drift.new_fields == ("email",)
    assert found.look.drift.missing_fields == ("ten",)
    assert found.look.undelivered == ("dia_chi",)
    assert found.drift == "new field email; missing field ten; nobody delivers dia_chi"
    assert found.is_refused
    assert not check(agency.settings(more='on_drift = "evolve"'))["taxpayer"].is_refused


def test_a_record_that_drift_would_set_aside_says_so(agency: Agency) -> None:
    agency.records = [record(1), record(2, email="a@example.gov.vn")]
    found = check(agency.settings(more='on_drift = "quarantine"'))["taxpayer"]
    assert [each.reasons for each in found.look.records] == [(), ("email: neither mapped nor ignored",)]


def test_records_of_another_dataset_are_left_out_and_datasets_nobody_describes_are_not_offered(agency: Agency) -> None:
    agency.records = [record(1, noi_bo="a"), record(2, noi_bo="b")]
    found = check(agency.settings(more='only = { noi_bo = ["b"] }'))
    assert [each.values["tax_code"] for each in found["taxpayer"].look.records] == ["0000000002"]
    assert found["taxpayer"].look.left_out == 1
    assert found["payroll"].status == "not_offered"
    assert found["payroll"].notes == ("the source file does not describe it",)


def test_one_dataset_alone_is_checked_and_an_unknown_one_is_refused(agency: Agency) -> None:
    agency.records = [record(1)]
    checking = check_registry(agency.settings(), "tax", clock=lambda: NOW, datasets=["taxpayer"])
    assert [each.dataset for each in asyncio.run(checking)] == ["taxpayer"]
    with pytest.raises(ConfigurationError, match=r"no dataset tax\.visit"):
        asyncio.run(check_registry(agency.settings(), "tax", clock=lambda: NOW, datasets=["visit"]))


def test_a_secret_that_is_not_there_is_an_error_of_configuration(agency: Agency) -> None:
    mapping = MAPPING + '\n[rest.auth]\nkind = "api_key"\nkey = { env = "NO_SUCH_KEY" }\n'
    with pytest.raises(ConfigurationError, match="NO_SUCH_KEY is not set"):
        check(agency.settings(mapping))


def test_the_first_rows_of_a_table_are_checked_like_a_page(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "thue.db")) as database, database:
        database.execute("create table nnt (mst, ten, loai, ngay, tinh, dia_chi, noi_bo, sua, moi)")
        for number in range(3):
            database.execute(
                f"insert into nnt values ({', '.join('?' * 9)})", (*record(number, loai="ZZ").values(), "x")
            )
    described = 'registry = "tax"\n[database]\nurl = "sqlite:///thue.db"\n' + MAPPING.replace("{more}", 'table = "nnt"')
    (tmp_path / "tax.toml").write_text(described, encoding="utf-8")
    access = RegistrySettings(source=tmp_path / "tax.toml")
    settings = Settings(data_dir=tmp_path / "var", registries={"tax": access})
    found = check(settings)["taxpayer"]
    assert (found.via, found.status, found.rows_seen, found.look.set_aside) == ("database", "answers", 3, 3)
    assert found.look.odd_codes == {"kind": ("ZZ",)}
    assert found.look.drift.new_fields == ("moi",)
    (tmp_path / "tax.toml").write_text(described.replace('"nnt"', '"khong_co"'), encoding="utf-8")
    assert "there is no such table" in str(check(settings)["taxpayer"].error)


def test_waiting_files_are_looked_into_and_stay_where_they_are(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "nnt.csv").write_text(
        "mst,ten,loai,ngay,tinh,dia_chi,noi_bo,sua\n0101234567,Công ty,DN,31/12/2015,01,Láng,x,1775000000\n"
        "0101234568,Công ty,ZZ,31/12/2015,01,Láng,x,1775000000\n",
        encoding="utf-8",
    )
    described = 'registry = "tax"\n[files]\nfolder = "inbox"\nsettle_seconds = 0\n[files.format]\nname = "table"\n'
    (tmp_path / "tax.toml").write_text(described + MAPPING.replace("{more}", ""), encoding="utf-8")
    access = RegistrySettings(source=tmp_path / "tax.toml")
    settings = Settings(data_dir=tmp_path / "var", registries={"tax": access})
    found = check(settings)["taxpayer"]
    assert (found.via, found.status, found.rows_seen, found.look.set_aside) == ("files", "answers", 2, 1), found.error
    assert found.notes[0] == f"1 files wait in {inbox}"
    assert (inbox / "nnt.csv").is_file()
    (inbox / "nnt.csv").unlink()
    assert check(settings)["taxpayer"].status == "empty"


def test_nothing_has_changed_right_after_a_pull(agency: Agency) -> None:
    agency.records = [record(number) for number in range(30)]
    pull(agency.settings())
    found = diff(agency.settings())
    assert found.changes == ()
    assert found.pulled_at == NOW


def test_what_the_agency_changed_since_the_last_pull_is_told_field_by_field(agency: Agency) -> None:
    agency.records = [record(number) for number in range(30)]
    pull(agency.settings())
    agency.records = [record(number, loai="HKD", dia_chi=..., ngay=None, email="x") for number in range(30)]
    assert changes(agency.settings()) == {
        ("new_field", "email", True),
        ("vanished_field", "dia_chi", True),
        ("emptied_field", "started_on", True),
        ("new_code", "kind", True),
    }


def test_drift_that_the_last_pull_knew_is_not_new(agency: Agency) -> None:
    settings = agency.settings(more='on_drift = "evolve"')
    agency.records = [record(number, email="x", dia_chi=...) for number in range(30)]
    pull(settings)
    assert changes(settings) == {("new_field", "email", False), ("vanished_field", "dia_chi", False)}


def test_a_new_code_behind_the_first_page_is_found_where_changes_can_be_asked_for(agency: Agency) -> None:
    agency.since, agency.first = "tu", 10
    agency.records = [record(number) for number in range(10)]
    settings = agency.settings()
    pull(settings)
    agency.records.append(record(11, loai="HKD"))
    assert changes(settings) == {("new_code", "kind", True)}


def test_a_changed_mapping_or_contract_is_told_apart_from_what_the_agency_changed(agency: Agency) -> None:
    agency.records = [record(number) for number in range(3)]
    pull(agency.settings())
    other = agency.settings(MAPPING.replace('address = "dia_chi"\n', ""), more='on_drift = "evolve"')
    assert ("mapping", None, True) in changes(other)
    (manifest,) = other.data.pulls("tax", "taxpayer").glob("*/manifest.json")
    old = json.loads(manifest.read_text(encoding="utf-8")) | {"contract_version": "0.0.1"}
    manifest.write_text(json.dumps(old), encoding="utf-8")
    assert ("contract", None, True) in changes(other)


def test_a_dataset_that_was_never_pulled_is_compared_with_its_mapping_alone(agency: Agency) -> None:
    agency.records = [record(1, email="x")]
    found = diff(agency.settings())
    assert (found.pulled_at, [change.kind for change in found.changes]) == (None, ["new_field"])


def test_names_that_stand_where_codes_should_are_not_repeated(agency: Agency) -> None:
    agency.records = [record(number, loai="Nguyễn Thử Thách") for number in range(5)]
    look = check(agency.settings())["taxpayer"].look
    assert look.odd_codes == {}
    assert all("Nguyễn" not in reason for reason in look.reasons)
