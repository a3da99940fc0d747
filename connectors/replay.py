"""Takes records set aside up again after the mapping or the contract was mended; what is now good is landed.

A replay is a pull of its own that asks the registry nothing: it moves no high-water mark and counts as no delivery. Its
name follows that of the last finished pull, so an interrupted one goes on undisturbed. `replayed.parquet` beside its
parts lists what it settled; what is still bad stays where it is.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import duckdb

from common.errors import ConfigurationError
from common.files import sha256_of, sync_folder
from common.settings import Settings
from common.values import Progress, stamp, today_in_vietnam
from connectors.landing import connection_in, sql_text
from connectors.manifests import MANIFEST, AskedFor, LandedFile, PullManifest, finished_pulls
from connectors.mapping import Mapping
from connectors.replay_pages import Reread, reread
from connectors.source import PULLED_AT, Source, source_of
from connectors.walk import make_durable
from connectors.workbench import as_finished
from contracts.loader import Dataset
from contracts.set_aside import REPLAYED, FinishedPull, outstanding_query, since_last_full

_STAMP = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class Replayed:
    """What a replay of one dataset did. `pull` is None where nothing could be landed or settled."""

    dataset: str
    pull: str | None
    considered: int
    landed: int
    overtaken: int
    """Versions good now, but one that counts before them was landed meanwhile: settled without being landed."""
    remaining: int
    reasons: tuple[tuple[str, int], ...]
    """Today's reason → records it still keeps out; a record may have several."""


def replay_dataset(
    settings: Settings,
    contract: Dataset,
    *,
    pull: str | None = None,
    clock: Callable[[], datetime],
    progress: Progress,
) -> Replayed | None:
    """Re-read what stands set aside (of `pull` alone, if named) through today's mapping; None where nothing does.

    The caller holds the data folder's lock. Raises `ConfigurationError` where the dataset is not configured any more.
    """
    manifests = finished_pulls(settings.data, contract.registry, contract.name)
    offered = [as_finished(settings.data, manifest) for manifest in manifests if manifest.offered]
    outstanding = outstanding_query(contract, offered)
    if outstanding is None:
        return None
    replay = _Replay(settings, contract, manifests, offered, clock())
    shutil.rmtree(replay.folder, ignore_errors=True)
    replay.folder.mkdir(parents=True)
    try:
        with connection_in(replay.folder) as connection:
            return replay.run(connection, outstanding, pull, clock, progress)
    finally:
        if (replay.folder / MANIFEST).exists():
            shutil.rmtree(replay.folder / "pages", ignore_errors=True)
            shutil.rmtree(replay.folder / "spill", ignore_errors=True)
        else:
            shutil.rmtree(replay.folder, ignore_errors=True)


class _Replay:
    """One replay on its way, in a folder of its own among the pulls."""

    def __init__(
        self,
        settings: Settings,
        contract: Dataset,
        manifests: Sequence[PullManifest],
        offered: Sequence[FinishedPull],
        now: datetime,
    ) -> None:
        self._settings, self._contract, self._manifests, self._offered = settings, contract, manifests, offered
        self._now = now
        self.pull = self._name()
        self.folder = settings.data.pull(contract.registry, contract.name, self.pull)

    def run(
        self,
        connection: duckdb.DuckDBPyConnection,
        outstanding: str,
        pull: str | None,
        clock: Callable[[], datetime],
        progress: Progress,
    ) -> Replayed | None:
        considered = self._collect(connection, outstanding, pull)
        if not considered:
            return None
        task = f"replay {self._contract.full_name}"
        progress.start(task, considered)
        if self._manifests[-1].offered:
            self._reread(connection, task, progress)
        else:
            connection.execute(
                "insert into bad select id, ['record: the registry no longer offers this dataset'] from candidate"
            )
        self._judge(connection)
        progress.finish(task)
        landed, overtaken = self._finish(connection, clock)
        return Replayed(
            dataset=self._contract.full_name,
            pull=self.pull if landed + overtaken else None,
            considered=considered,
            landed=landed,
            overtaken=overtaken,
            remaining=_one_number(connection, "select count(distinct known_by) from bad join candidate using (id)"),
            reasons=_reasons(connection),
        )

    def _collect(self, connection: duckdb.DuckDBPyConnection, outstanding: str, pull: str | None) -> int:
        """Table `candidate`: every version outstanding, as it was delivered last; and the empty tables of the rest.

        Older versions of a record are taken up too: had the mapping been right, they would have been landed.
        """
        of_pull = f"where pull = {sql_text(pull)}" if pull is not None else ""
        # No temporary table: it is read on a cursor of its own while its fate is written.
        connection.execute(
            f"""
            create table candidate as
            select row_number() over (order by pull, page, "row") - 1 as id, version, pull, page, "row",
                coalesce(record_key, version) as known_by, reasons, record
            from ({outstanding}) {of_pull}
            qualify row_number() over (partition by version order by pull desc, page desc, "row" desc) = 1
            """
        )
        connection.execute("create table good (id bigint, file varchar, seq bigint)")
        connection.execute("create table bad (id bigint, reasons varchar[])")
        return _one_number(connection, "select count(distinct known_by) from candidate")

    def _reread(self, connection: duckdb.DuckDBPyConnection, task: str, progress: Progress) -> None:
        source, mapping = self._mapping()
        for number, (started_at, where) in enumerate(self._groups(connection, mapping)):
            folder = self.folder / "pages" / str(number)
            pages = Reread(
                folder,
                mapping,
                is_json=source.via_of(self._contract.name) == "rest",
                # A field nobody mapped is a doubt about the record, unless the source file says that it may come.
                sets_aside=source.drift_policy(self._contract.name) != "evolve",
                pulled_at=started_at,
                today=today_in_vietnam(self._now),
            )
            reread(connection, pages, where, on_rows=lambda rows: progress.advance(task, rows))

    def _groups(self, connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> Iterator[tuple[datetime, str]]:
        """Records to read together: all, or pull by pull where a field is the moment of the pull that delivered it."""
        reads = {name for fields in mapping.variants.values() for how in fields.values() for name in how.reads}
        if PULLED_AT not in reads:
            yield self._now, "true"
            return
        began = {manifest.pull: manifest.started_at for manifest in self._manifests}
        pulls = connection.execute("select distinct pull from candidate order by pull").fetchall()
        yield from ((began[pull], f"pull = {sql_text(pull)}") for (pull,) in pulls)

    def _mapping(self) -> tuple[Source, Mapping]:
        registry, name = self._contract.registry, self._contract.name
        source = source_of(self._settings, registry) if registry in self._settings.registries else None
        if source is None or name not in source.datasets:
            raise ConfigurationError(
                f"{self._contract.full_name} is not configured any more, so nothing says how its records are read",
                where=str(self._settings.path),
                remedy=f"describe it in [registries.{registry}] or its source file, or name other datasets to replay",
            )
        return source, Mapping(self._contract, source.datasets[name], source.via_of(name))

    def _judge(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Table `outcome`: for each good candidate whether it is landed, or overtaken by what was landed meanwhile."""
        files = _files(connection)
        if not files:
            connection.execute("create table outcome (id bigint, outcome varchar)")
            return
        connection.execute(
            f"""
            create table outcome as
            with version as (
                select candidate.id, candidate.pull, part._record_key, {self._changed_at} as _changed_at
                from read_parquet({files!r}, filename = true) as part
                join good on good.file = part.filename and good.seq = part._seq
                join candidate using (id)
            ),
            landed as ({self._landed()}),
            overtaken as (
                select distinct version.id
                from version join landed on landed._record_key = version._record_key
                where landed._changed_at > version._changed_at or (
                    landed._changed_at is not distinct from version._changed_at and landed._pull >= version.pull
                )
            )
            select id, case
                when id in (select id from overtaken) then 'overtaken'
                when row_number() over (partition by _record_key, _changed_at order by id desc) > 1 then 'overtaken'
                else 'landed' end as outcome
            from version
            """
        )

    @property
    def _changed_at(self) -> str:
        return "updated_at" if "updated_at" in self._contract.names else "null::timestamptz"

    def _landed(self) -> str:
        """SQL: every landed version of the keys in `version`."""
        counted = since_last_full(self._offered) if self._contract.is_fetched_whole else self._offered
        parts = [str(part) for pull in counted for part in pull.parts]
        if not parts:
            return (
                "select null::varchar as _record_key, null::timestamptz as _changed_at, null::varchar as _pull limit 0"
            )
        return f"""
            select _record_key, {self._changed_at} as _changed_at, parse_path(filename)[-2] as _pull
            from read_parquet({parts!r}, union_by_name = true, filename = true)
            where _record_key in (select _record_key from version)
        """

    def _finish(self, connection: duckdb.DuckDBPyConnection, clock: Callable[[], datetime]) -> tuple[int, int]:
        """Write the part, what was settled, and last the manifest; nothing where nothing is settled."""
        counted = dict(connection.execute("select outcome, count(*) from outcome group by outcome").fetchall())
        landed, overtaken = counted.get("landed", 0), counted.get("overtaken", 0)
        if landed + overtaken == 0:
            return 0, 0
        parts = (self._write_part(connection),) if landed else ()
        settled = self.folder / REPLAYED
        connection.execute(
            f"""copy (
                select version, outcome, pull, page, "row" from outcome join candidate using (id) order by id
            ) to {sql_text(settled)} (format parquet, compression zstd)"""
        )
        make_durable(settled)
        sync_folder(self.folder)
        pulls = connection.execute(
            "select distinct pull from outcome join candidate using (id) order by pull"
        ).fetchall()
        self._manifest(parts, landed, [pull for (pull,) in pulls], clock()).write(self.folder)
        return landed, overtaken

    def _write_part(self, connection: duckdb.DuckDBPyConnection) -> LandedFile:
        path = self.folder / "part-00000.parquet"
        columns = ", ".join(f'part."{name}"' for name in self._contract.names)
        copied = connection.execute(
            f"""copy (
                select {columns}, part._record_key, row_number() over (order by id) - 1 as _seq
                from read_parquet({_files(connection)!r}, filename = true) as part
                join good on good.file = part.filename and good.seq = part._seq
                join outcome using (id)
                where outcome = 'landed' order by id
            ) to {sql_text(path)} (format parquet, compression zstd)"""
        ).fetchone()
        assert copied is not None
        make_durable(path)
        return LandedFile(path.name, copied[0], sha256_of(path))

    def _manifest(
        self, parts: tuple[LandedFile, ...], landed: int, pulls: Sequence[str], finished_at: datetime
    ) -> PullManifest:
        last = self._manifests[-1]
        return PullManifest(
            pull=self.pull,
            registry=self._contract.registry,
            dataset=self._contract.name,
            contract_version=self._contract.version,
            kind="incremental",
            source=last.source,
            query=AskedFor(updated_since=None, limit=0),
            started_at=self._now,
            finished_at=finished_at,
            rows_received=landed,
            rows_landed=landed,
            # The registry was asked nothing: the next pull starts where it would have started.
            high_water_mark=last.high_water_mark,
            parts=parts,
            mapping=self._fingerprint,
            replay_of=tuple(pulls),
        )

    @cached_property
    def _fingerprint(self) -> str:
        return self._mapping()[1].fingerprint

    def _name(self) -> str:
        moment = datetime.strptime(self._manifests[-1].pull, _STAMP).replace(tzinfo=UTC)
        folder = self._settings.data.pulls(self._contract.registry, self._contract.name)
        while True:
            moment += timedelta(microseconds=1)
            # A folder with a query is a pull that was interrupted; one without is a replay that was.
            if not (folder / stamp(moment) / "query.json").exists():
                return stamp(moment)


def _reasons(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    rows = connection.execute(
        """
        select reason, count(distinct known_by) as records
        from (select id, unnest(reasons) as reason from bad) join candidate using (id)
        group by reason order by records desc, reason
        """
    ).fetchall()
    return tuple(rows)


def _files(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [file for (file,) in connection.execute("select distinct file from good order by file").fetchall()]


def _one_number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])
