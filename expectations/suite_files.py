"""Hand-written suites: one SQL file per dataset or table that needs more than its contract, found by walking a folder.

`suites/landed/<registry>.<dataset>.sql` is asked of the current versions of landed records, whose tables are named
`<registry>_<dataset>`; `suites/build/<schema>.<table>.sql` of a finished build. A file holds one or more checks, each a
YAML header and the query that finds the rows that break the promise. `$as_of` stands for the day of the run.
"""

import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

import yaml

from common.errors import ConfigurationError
from contracts.loader import all_datasets
from expectations.checks import Check, NoRows, Wording

Stage = Literal["landed", "build"]
_CHECK = re.compile(r"/\*---\n(?P<header>.*?)---\*/\n(?P<query>.*?)(?=/\*---|\Z)", re.DOTALL)
_REQUIRED = {"check", "level", "expected", "title_vi", "title_en"}
_OPTIONAL = {"of", "allowed_percent", "remedy_vi", "remedy_en"}
# What to do unless a check knows better: landed records are the source's, a build is ours.
_REMEDIES: dict[Stage, tuple[str, str]] = {
    "landed": (
        "Gửi số lượng và tên kiểm tra cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.",
        "have the source compare these records; they are used as delivered",
    ),
    "build": (
        "Lỗi của phần mềm: gửi báo cáo này cho người bảo trì kèm tên kiểm tra.",
        "a fault of ours: send this report to the maintainers with the name of the check",
    ),
}


def suite_files(stage: Stage) -> list[Traversable]:
    folder = files("expectations") / "suites" / stage
    return sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)


def written_checks(stage: Stage, *, as_of: date) -> list[Check]:
    """Every hand-written check of a stage, in order of files and of their place in them."""
    return [check for path in suite_files(stage) for check in read_suite(path, stage, as_of=as_of)]


def read_suite(path: Traversable, stage: Stage, *, as_of: date) -> list[Check]:
    """The checks of one file.

    Raises `ConfigurationError` naming file and check for a header without a required key, with an unknown key or an
    unknown level, for two checks of one name, and for a file without any check.
    """
    suite = path.name.removesuffix(".sql")
    checks = list(_read(path.read_text(encoding="utf-8"), suite, stage, as_of))
    names = [check.name for check in checks]
    if not names or len(names) != len(set(names)):
        raise _wrong(suite, "it must hold at least one check, each name once")
    return checks


def _read(text: str, suite: str, stage: Stage, as_of: date) -> Iterator[Check]:
    leftover = _CHECK.sub("", text).strip()
    if leftover:
        raise _wrong(suite, "there is text outside the checks; a check is /*--- header ---*/ and a query")
    for found in _CHECK.finditer(text):
        header = yaml.safe_load(found["header"])
        query = found["query"].strip().rstrip(";").replace("$as_of", f"date '{as_of.isoformat()}'")
        yield _check(header, query, suite, stage)


def _check(header: dict[str, Any], query: str, suite: str, stage: Stage) -> Check:
    place = f"{suite}, check {header.get('check', '?')}"
    missing, unknown = _REQUIRED - set(header), set(header) - _REQUIRED - _OPTIONAL
    if missing or unknown:
        named = [f"{key} is missing" for key in sorted(missing)] + [f"{key} is unknown" for key in sorted(unknown)]
        raise _wrong(place, f"header: {', '.join(named)}")
    if header["level"] not in ("block", "warn"):
        raise _wrong(place, "level must be block or warn")
    if not query:
        raise _wrong(place, "the query is missing")
    remedy_vi, remedy_en = _REMEDIES[stage]
    table = suite.replace(".", "_") if stage == "landed" else suite
    return Check(
        suite=suite,
        name=header["check"],
        level=header["level"],
        question=NoRows(query, header.get("of", table)),
        expected=header["expected"],
        wording=Wording(
            header["title_vi"],
            header["title_en"],
            header.get("remedy_vi", remedy_vi),
            header.get("remedy_en", remedy_en),
        ),
        allowed_percent=float(header.get("allowed_percent", 0)),
        needs=_datasets_read(query) if stage == "landed" else (),
    )


def _datasets_read(query: str) -> tuple[str, ...]:
    words = set(re.findall(r"\w+", query))
    return tuple(found.full_name for found in all_datasets() if found.table in words)


def _wrong(place: str, what: str) -> ConfigurationError:
    return ConfigurationError(what, where=f"expectations/suites: {place}", remedy="correct the file")
