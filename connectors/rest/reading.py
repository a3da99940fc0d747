"""How one dataset of a REST source is asked for: its address, its parameters, and what it says otherwise than [rest]."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from common.errors import ConfigurationError, SourceError
from common.values import VIETNAM
from connectors.source import Body, DatasetSource, Incremental, Paging, Rest

_PATTERN = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "HH": "%H", "MM": "%M", "SS": "%S"}
_PROFILE = (
    'the default profile answers {"data": [...], "next_cursor": ..., "total": n}; '
    "correct base_url, or describe the registry in a source file"
)
_Part = TypeVar("_Part", bound=BaseModel)


@dataclass(frozen=True)
class Reading:
    """How one dataset is asked for, and how its answers are read."""

    dataset: str
    address: str
    params: Mapping[str, str]
    paging: Paging
    body: Body
    incremental: Incremental
    own: frozenset[str]
    """The tables that `[datasets.<name>]` lays over those of `[rest]`."""
    is_default: bool
    """The default wire profile, without a source file: there is no key to correct."""

    def key(self, table: str, name: str) -> str:
        """The key of the source file that says this: `[rest.body] records`."""
        home = f"datasets.{self.dataset}" if table in self.own else "rest"
        return f"[{home}.{table}] {name}"

    def unlike(self, what: str, *keys: tuple[str, str]) -> SourceError:
        """The answer is of another shape than the source file says; `keys` (table, name) would mend it."""
        named = " and ".join(self.key(*key) for key in keys)
        return SourceError(
            what, where=self.address, remedy=_PROFILE if self.is_default else f"correct {named} in the source file"
        )

    def ask(self, updated_since: datetime | None, *, limit: int) -> "Question":
        """The whole dataset, or what changed since then (inclusive); `limit` records a page."""
        name = self.incremental.param
        if updated_since is None or name is None:
            return Question(self, self.params, limit, is_incremental=False)
        return Question(self, {**self.params, name: self._written(updated_since)}, limit, is_incremental=True)

    def _written(self, moment: datetime) -> str:
        """`moment` as the source writes times, rounded down: asking from a little earlier loses nothing."""
        way = self.incremental.format
        if way == "iso":
            # `Z`, not `+00:00`: servers that forget to decode a plus sign exist.
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if way in ("epoch_seconds", "epoch_milliseconds"):
            return str(int(moment.timestamp() * (1000 if way == "epoch_milliseconds" else 1) // 1))
        pattern = re.sub("yyyy|yy|mm|dd|HH|MM|SS", lambda token: _PATTERN[token[0]], way.replace("%", "%%"))
        if pattern == way:
            raise ConfigurationError(
                f"no way to write a time: {way}",
                where=self.key("incremental", "format"),
                remedy="write iso, epoch_seconds, epoch_milliseconds, or a pattern of yyyy mm dd HH MM SS",
            )
        return moment.astimezone(VIETNAM).strftime(pattern)


@dataclass(frozen=True)
class Question:
    """What all pages of one walk are asked with."""

    reading: Reading
    params: Mapping[str, str]
    limit: int
    is_incremental: bool

    def address(self, **more: str) -> str:
        """The address with the walk's parameters, the page size, and `more`."""
        name = self.reading.paging.limit_param
        sized = {name: str(self.limit)} if name else {}
        return with_query(self.reading.address, {**self.params, **sized, **more})


def reading_of(rest: Rest | None, base_url: str, dataset: str, of: DatasetSource | None) -> Reading:
    """`[datasets.<name>]` laid over `[rest]`, key by key.

    Raises `ConfigurationError` where paging needs what such a body cannot carry.
    """
    common, own = rest or Rest(), of or DatasetSource()
    path = dataset if own.path is None else own.path.strip("/")
    reading = Reading(
        dataset=dataset,
        address=f"{base_url}/{quote(path, safe='/:@!$&()*+,;=~%')}" if path else base_url,
        params={**common.params, **own.params},
        paging=_laid_over(common.paging, own.paging),
        body=_laid_over(common.body, own.body),
        incremental=_laid_over(common.incremental, own.incremental),
        own=frozenset(name for name in ("paging", "body", "incremental") if getattr(own, name) is not None),
        is_default=rest is None,
    )
    if reading.body.format != "json" and reading.paging.kind in ("cursor", "next_url"):
        raise ConfigurationError(
            f"a {reading.body.format} body has no place for the next cursor",
            where=reading.key("paging", "kind"),
            remedy="write page, offset, link or none",
        )
    if len(reading.body.delimiter) != 1:
        raise ConfigurationError(
            "a delimiter is one character",
            where=reading.key("body", "delimiter"),
            remedy='write "," or ";" or "\\t"',
        )
    return reading


def with_query(address: str, params: Mapping[str, str]) -> str:
    """The address with these parameters behind it."""
    if not params:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(params, quote_via=quote)}"


def _laid_over(below: _Part, above: _Part | None) -> _Part:
    if above is None:
        return below
    return below.model_copy(update={name: getattr(above, name) for name in above.model_fields_set})
