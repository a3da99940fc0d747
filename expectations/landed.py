"""Checks on landed data, before anything is built on them."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.files import DataFolder
from common.settings import Settings
from common.values import Progress, today_in_vietnam
from contracts.loader import Dataset, all_datasets
from expectations.checks import Check, NoRows
from expectations.context import ask
from expectations.current import SetAside, open_current, set_aside_today, versions_query, write_current
from expectations.deliveries import Delivery, finished_deliveries, newest_delivery
from expectations.delivery_checks import Standing, delivery_verdicts, pulled_verdict, readable_verdicts
from expectations.derived import derived_checks
from expectations.suite_files import written_checks
from expectations.verdicts import Bench, Verdict, moment_of
from expectations.wordings import DELIVERY

if TYPE_CHECKING:
    import duckdb


def check_landed(
    settings: Settings,
    data: DataFolder,
    *,
    run: str,
    as_of: date,
    outcomes: Sequence[Mapping[str, Any]],
    previous_reports: Path,
    progress: Progress,
) -> list[Verdict]:
    """Judge every dataset that was ever delivered, and what stands between datasets.

    `run` is the run's stamp; `outcomes` holds one mapping per dataset pulled in this run (registry, dataset, status,
    error), empty for a run without a pull; `previous_reports` is the folder of earlier runs' reports. A database of
    current versions is made in the run's build folder and removed again.
    """
    bench = Bench(run, settings)
    verdicts = [pulled_verdict(outcome, bench) for outcome in outcomes if outcome["status"] != "not_offered"]
    database = data.build(run) / "checks.duckdb"
    try:
        with open_current(database, settings.build) as connection:
            found, delivered = _look_at_deliveries(connection, data, previous_reports, as_of, bench, progress)
        verdicts += found
        checks = [
            *(check for dataset, deliveries in delivered for check in _checks_of(dataset, deliveries)),
            *written_checks("landed", as_of=as_of),
        ]
        verdicts += _put(checks, {dataset.full_name for dataset, _ in delivered}, database, bench, progress)
    finally:
        database.unlink(missing_ok=True)
        database.with_name(f"{database.name}.wal").unlink(missing_ok=True)
    return verdicts


def _look_at_deliveries(
    connection: "duckdb.DuckDBPyConnection",
    data: DataFolder,
    previous_reports: Path,
    as_of: date,
    bench: Bench,
    progress: Progress,
) -> tuple[list[Verdict], list[tuple[Dataset, list[Delivery]]]]:
    """Fill the database with current versions; verdicts on whole deliveries, and what can be read."""
    task = "Checks on deliveries"
    verdicts: list[Verdict] = []
    delivered: list[tuple[Dataset, list[Delivery]]] = []
    earlier_rows = _rows_at_last_run(previous_reports, bench.run)
    # A waiver lapses by the calendar, whichever day the books are read as of.
    day = today_in_vietnam(moment_of(bench.run))
    datasets = all_datasets()
    progress.start(task, len(datasets))
    for dataset in datasets:
        deliveries = [found for found in finished_deliveries(data, dataset) if found.is_offered]
        readable = readable_verdicts(dataset, deliveries, bench) if deliveries else []
        verdicts += readable
        is_readable = all(verdict.passed for verdict in readable)
        write_current(connection, dataset, deliveries if is_readable else [])
        if deliveries:
            aside = set_aside_today(connection, data, dataset, deliveries, day) if is_readable else SetAside()
            before = earlier_rows.get(dataset.full_name)
            standing = _standing(connection, dataset, deliveries, aside, before, is_readable=is_readable)
            verdicts += delivery_verdicts(standing, as_of=as_of, bench=bench)
        if deliveries and is_readable:
            delivered.append((dataset, deliveries))
        progress.advance(task, 1)
    progress.finish(task)
    return verdicts, delivered


def _standing(
    connection: "duckdb.DuckDBPyConnection",
    dataset: Dataset,
    deliveries: Sequence[Delivery],
    aside: SetAside,
    earlier_rows: int | None,
    *,
    is_readable: bool,
) -> Standing:
    return Standing(
        dataset=dataset,
        deliveries=deliveries,
        current_rows=_number(connection, f"select count(*) from {dataset.table}"),
        aside=aside,
        distinct_rows=_distinct_rows(connection, dataset, newest_delivery(deliveries)) if is_readable else 0,
        earlier_rows=earlier_rows,
    )


def _distinct_rows(connection: "duckdb.DuckDBPyConnection", dataset: Dataset, newest: Delivery) -> int:
    if newest.announced is None or newest.announced == newest.received:
        return newest.received
    versions = versions_query(dataset, [newest])
    moment = "updated_at" if "updated_at" in dataset.names else "null"
    landed = (
        f"select count(*) from (select distinct _record_key, {moment} from ({versions}))" if versions else "select 0"
    )
    aside = (
        f"select count(distinct record) from read_parquet(['{newest.quarantine}'])" if newest.quarantine else "select 0"
    )
    return newest.already_held + _number(connection, f"select ({landed}) + ({aside})")


def _checks_of(dataset: Dataset, deliveries: Sequence[Delivery]) -> list[Check]:
    checks = derived_checks(dataset)
    versions = versions_query(dataset, [newest_delivery(deliveries)])
    if versions is not None:
        moment = ", updated_at" if "updated_at" in dataset.names else ""
        fields = ", ".join(f'"{name}"' for name in dataset.names)
        twice = f"""select 1 from ({versions}) group by _record_key{moment}
            having count(*) > 1 and count(distinct hash({fields})) > 1"""
        checks.append(
            Check(
                suite=dataset.full_name,
                name="key_conflict",
                level="warn",
                question=NoRows(twice, dataset.table),
                expected="one content per key and moment in the newest delivery",
                wording=DELIVERY["key_conflict"],
                table=dataset.table,
            )
        )
    return checks


def _put(
    checks: Sequence[Check], delivered: set[str], database: Path, bench: Bench, progress: Progress
) -> list[Verdict]:
    """Ask what can be asked; a check that needs a dataset nobody delivered is excused, and says so."""
    missing = {check: [name for name in check.needs if name not in delivered] for check in checks}
    askable = [check for check in checks if not missing[check]]
    counts = ask(database, askable, build=bench.settings.build, task="Checks on records", progress=progress)
    return [
        bench.rule_on(check, counts[check]) if check in counts else bench.excuse(check, missing[check])
        for check in checks
    ]


def _rows_at_last_run(reports: Path, run: str) -> dict[str, int]:
    """Current rows of each dataset at the last run that was checked, from its verdicts on keys."""
    import pyarrow.parquet as pq

    earlier = [path for path in sorted(reports.glob("*/verdicts.parquet")) if path.parent.name < run]
    if not earlier:
        return {}
    rows = pq.read_table(earlier[-1], columns=["suite", "check", "total"]).to_pylist()
    return {row["suite"]: row["total"] for row in rows if row["check"] == "key_unique" and row["total"] is not None}


def _number(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
