"""A registry served by Datasette, a server nobody here wrote, is read by its source file alone."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from datasette_registry import (
    BY_LINK_HEADER,
    BY_NEXT_ADDRESS,
    BY_NEXT_TOKEN,
    dotted,
    serving_datasette,
    source_text,
    write_registry,
)

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.pull import PullOutcome, pull_registry
from connectors.rest.http import RegistryClient
from connectors.source import load_source

NOW = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
WAYS = {
    "objects, by the next address": (BY_NEXT_ADDRESS, "objects"),
    "columns and rows, by the next token": (BY_NEXT_TOKEN, "arrays"),
    "a bare list, by the Link header": (BY_LINK_HEADER, "array"),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("datasette") / "thue.db"
    write_registry(path)
    return path


@pytest.fixture(scope="module")
def address(database: Path) -> Iterator[str]:
    with serving_datasette(database) as url:
        yield url


def table(database: Path, name: str, since: int = 0) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(f"select * from {name} where thay_doi_luc >= ? order by thay_doi_luc, 1", (since,))
        return [dict(row) for row in rows]


def read(source_file: Path, dataset: str, since: datetime | None = None) -> tuple[list[Any], list[int | None]]:
    source = load_source(source_file)
    access = RegistrySettings(source=source_file, retry_wait_max_seconds=0.05)

    async def walk() -> tuple[list[Any], list[int | None]]:
        records, totals = list[Any](), list[int | None]()
        async with RegistryClient(access, "tax", clock=lambda: NOW, rest=source.rest) as client:
            of = source.datasets[dataset]
            async for _, page in client.pages(dataset, limit=100, updated_since=since, of=of):
                records += json.loads(page.rows)
                totals.append(page.total)
        return records, totals

    return asyncio.run(walk())


@pytest.mark.parametrize("name", WAYS)
def test_every_record_of_a_table_is_read_in_whatever_shape_datasette_is_asked_for(
    name: str, address: str, database: Path, tmp_path: Path
) -> None:
    way, shape = WAYS[name]
    source_file = tmp_path / "tax.toml"
    source_file.write_text(source_text(address, way, shape), encoding="utf-8")
    for dataset, its_table in (("taxpayer", "nguoi_nop_thue"), ("payroll", "bang_luong")):
        records, totals = read(source_file, dataset)
        assert records == table(database, its_table)
        assert set(totals) == ({None} if shape == "array" else {len(records)})


@pytest.mark.parametrize("name", WAYS)
def test_what_changed_is_asked_for_by_datasettes_own_filter(
    name: str, address: str, database: Path, tmp_path: Path
) -> None:
    way, shape = WAYS[name]
    source_file = tmp_path / "tax.toml"
    source_file.write_text(source_text(address, way, shape), encoding="utf-8")
    since = table(database, "nguoi_nop_thue")[120]["thay_doi_luc"]
    records, _ = read(source_file, "taxpayer", since=datetime.fromtimestamp(since, UTC))
    assert records == table(database, "nguoi_nop_thue", since)


def pull(source_file: Path, data_dir: Path, at: datetime = NOW) -> dict[str, PullOutcome]:
    access = RegistrySettings(source=source_file, retry_wait_max_seconds=0.05, overlap_minutes=0)
    settings = Settings(data_dir=data_dir, registries={"tax": access})
    datasets = ["taxpayer", "payroll"]
    found = asyncio.run(pull_registry(settings, "tax", datasets=datasets, clock=lambda: at, progress=Silent()))
    return {outcome.dataset: outcome for outcome in found}


def landed(data_dir: Path, dataset: str, columns: str) -> list[tuple[Any, ...]]:
    files = [str(path) for path in sorted((data_dir / "raw" / "tax" / dataset).glob("*/part-*.parquet"))]
    return duckdb.sql(
        f"select {columns} from read_parquet({files}, filename = true) order by filename, _seq"
    ).fetchall()


@pytest.mark.parametrize("name", WAYS)
def test_a_pull_lands_the_registry_as_the_contract_has_it(
    name: str, address: str, database: Path, tmp_path: Path
) -> None:
    way, shape = WAYS[name]
    source_file = tmp_path / "tax.toml"
    source_file.write_text(source_text(address, way, shape), encoding="utf-8")
    outcomes = pull(source_file, tmp_path / "var")
    assert {each: (o.status, o.error, o.rows_quarantined) for each, o in outcomes.items()} == {
        "taxpayer": ("landed", None, 0),
        "payroll": ("landed", None, 0),
    }
    kinds = {"DN": "organisation", "HKD": "household_business"}
    statuses = {"00": "active", "03": "closed", "06": "absconded"}
    columns = "tax_code, name, kind, status, strftime(started_on, '%d/%m/%Y'), epoch(updated_at)::bigint"
    assert landed(tmp_path / "var", "taxpayer", columns) == [
        (
            row["ma_so_thue"],
            row["ten_nguoi_nop_thue"],
            kinds[row["loai"]],
            statuses[row["trang_thai"]],
            row["ngay_cap"],
            row["thay_doi_luc"],
        )
        for row in table(database, "nguoi_nop_thue")
    ]
    money = landed(tmp_path / "var", "payroll", "line_id, income_vnd, insurance_deducted_vnd, tax_vnd")
    assert [(line, *(None if each is None else dotted(each) for each in amounts)) for line, *amounts in money] == [
        (row["so_dong"], row["thu_nhap"], row["bao_hiem"], row["thue"]) for row in table(database, "bang_luong")
    ]


def test_the_next_pull_asks_only_for_what_changed_since(tmp_path: Path) -> None:
    database = tmp_path / "thue.db"
    write_registry(database, taxpayers=30, lines=40)
    with serving_datasette(database) as address:
        source_file = tmp_path / "tax.toml"
        source_file.write_text(source_text(address, BY_NEXT_TOKEN, "arrays"), encoding="utf-8")
        pull(source_file, tmp_path / "var")
        later = int((NOW + timedelta(hours=1)).timestamp())
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            changed = "update nguoi_nop_thue set trang_thai = '06', thay_doi_luc = ? where ma_so_thue = '0100000007'"
            connection.execute(changed, (later,))
        outcome = pull(source_file, tmp_path / "var", at=NOW + timedelta(days=1))["taxpayer"]
    assert (outcome.status, outcome.kind, outcome.rows_landed) == ("landed", "incremental", 1)
    versions = landed(tmp_path / "var", "taxpayer", "tax_code, status, epoch(updated_at)::bigint")
    assert versions[-1] == ("0100000007", "absconded", later)
