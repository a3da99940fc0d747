"""One world made ready to be delivered in pages: an index by time, text rendered in pieces, no scan per page."""

import json
import threading
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from contracts.loader import Dataset
from sandbox.world.play import Broken
from sandbox.world.world import World

_PIECE = 10_000
_PIECES_KEPT = 60
"""Rendered pieces kept in memory, of all datasets together: about 250 MB at most."""


class Delivery:
    """The records of one world in the order of the wire profile: by (updated_at, key)."""

    def __init__(self, world: World) -> None:
        self._tables = world.tables
        self._broken = {name: [found for found in world.broken if found.dataset == name] for name in world.tables}
        self._broken = {name: _delivered(found, world.moment) for name, found in self._broken.items()}
        self._order = {name: self._merged(name) for name in world.tables}
        self._pieces: OrderedDict[tuple[str, int], list[str]] = OrderedDict()
        self._lock = threading.Lock()
        self._con = duckdb.connect()
        self._con.execute("set timezone = 'Asia/Ho_Chi_Minh'; set threads = 1")

    def size(self, name: str) -> int:
        return len(self._order[name][0])

    def position(self, name: str, since: datetime | None) -> int:
        """The first place whose record was updated at or after `since`."""
        if since is None:
            return 0
        limit = np.datetime64(since.astimezone(UTC).replace(tzinfo=None), "us")
        return int(np.searchsorted(self._order[name][0], limit, side="left"))

    def page(self, found: Dataset, start: int, stop: int) -> list[str]:
        """The JSON texts of the records at places `start` to `stop` − 1."""
        name, rows = found.full_name, self._tables[found.full_name].num_rows
        texts = []
        with self._lock:
            for row in self._order[name][1][start:stop].tolist():
                if row >= rows:
                    texts.append(json.dumps(_wire(self._broken[name][row - rows]), ensure_ascii=False))
                else:
                    texts.append(self._piece(found, row // _PIECE)[row % _PIECE])
        return texts

    def _merged(self, name: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
        table, broken = self._tables[name], self._broken[name]
        if "updated_at" not in table.column_names:
            return np.zeros(table.num_rows, "datetime64[us]"), np.arange(table.num_rows)
        late = np.array([found.updated_at for found in broken], dtype="datetime64[us]")
        times = np.concatenate([table["updated_at"].to_numpy().astype("datetime64[us]"), late])
        order = np.argsort(times, kind="stable")
        return times[order], order

    def _piece(self, found: Dataset, number: int) -> list[str]:
        key = (found.full_name, number)
        if key not in self._pieces:
            rows = self._tables[found.full_name].slice(number * _PIECE, _PIECE)
            self._pieces[key] = self._render(found, rows)
            while len(self._pieces) > _PIECES_KEPT:
                self._pieces.popitem(last=False)
        self._pieces.move_to_end(key)
        return self._pieces[key]

    def _render(self, found: Dataset, rows: pa.Table) -> list[str]:
        fields = ", ".join(f'"{field.name}": {_text(field.name, field.type)}' for field in found.fields)
        self._con.register("rows", rows)
        texts = self._con.execute(f"select to_json({{{fields}}})::varchar as record from rows").to_arrow_table()
        self._con.unregister("rows")
        return [str(text) for text in texts["record"].to_pylist()]


def _text(name: str, kind: str) -> str:
    return f"strftime(\"{name}\", '%Y-%m-%dT%H:%M:%S+07:00')" if kind == "timestamp" else f'"{name}"'


def _delivered(broken: list[Broken], moment: datetime) -> list[Broken]:
    limit = moment.astimezone(UTC).replace(tzinfo=None)
    known = [found for found in broken if found.updated_at < limit]
    return sorted(known, key=lambda found: (found.updated_at, str(found.record_key)))


def _wire(found: Broken) -> dict[str, Any]:
    told = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in found.record.items()}
    return {"updated_at": found.updated_at.isoformat() + "+00:00"} | told
