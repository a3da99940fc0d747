"""One page of every field of every dataset, written from the contracts: `python -m contracts.reference PAGE`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from common.files import write_atomically
from contracts.loader import Dataset, Field, load_contracts

_INTRODUCTION = """\
# Contract reference · Từ điển dữ liệu

Written from the contracts in `contracts/*.yaml` by `make docs`; a test fails when this page is older than they are.

Types: `str` text · `int` whole number · `vnd` whole dong · `decimal` exact decimal · `bool` true or false ·
`date` YYYY-MM-DD · `month` YYYY-MM · `partial_date` YYYY, YYYY-MM or YYYY-MM-DD · `timestamp` date and time with offset
(without one: Vietnamese time) · `period` as the pattern says.
A required field that is missing, a value outside its closed list or pattern, or a value of another type sends the whole
record to quarantine. A tombstone (`deleted: true`) needs only its key and `updated_at`.
Personal data (class): `identity`, `contact`, `health`, `money`, `none`.
"""
_COLUMNS = ("Field", "Type", "Required", "Closed list or pattern", "Personal data", "Tiếng Việt", "English")


def reference_page() -> str:
    """The page as Markdown."""
    contracts = load_contracts()
    sections = [_section(dataset) for datasets in contracts.values() for dataset in datasets.values()]
    return "\n".join([_INTRODUCTION, *_contents(), *sections]).rstrip() + "\n"


def _contents() -> Iterator[str]:
    for registry, datasets in load_contracts().items():
        links = " · ".join(f"[{name}](#{registry}{name})" for name in datasets)
        yield f"- **{registry}**: {links}"
    yield ""


def _section(dataset: Dataset) -> str:
    facts = [
        f"Grain: {dataset.grain}",
        f"Key: {', '.join(f'`{name}`' for name in dataset.key)}",
        f"Freshness: {_freshness(dataset)}",
        f"Event date: {_event_date(dataset)}",
        f"Offered by: {'all agencies' if dataset.is_offered_by_all else 'some agencies only'}",
        f"Version: {dataset.version}",
    ]
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *(_row(field) for field in dataset.fields)]
    return "\n".join(
        [
            f"## {dataset.full_name}",
            "",
            f"**{dataset.title_vi}** – {dataset.description}",
            "",
            *(f"- {fact}" for fact in facts),
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    )


def _freshness(dataset: Dataset) -> str:
    if dataset.is_fetched_whole:
        return "fetched whole at every pull"
    if dataset.freshness_days is None:
        return "no promise"
    return f"the newest record is at most {dataset.freshness_days} days old"


def _event_date(dataset: Dataset) -> str:
    if dataset.event_date is None:
        return "none; a record always counts"
    return f"`{dataset.event_date}`; a record counts on days not before it"


def _row(field: Field) -> tuple[str, ...]:
    return (
        f"`{field.name}`",
        field.type,
        "yes" if field.is_required else "",
        _allowed(field),
        field.personal,
        _cell(field.title_vi),
        _cell(field.description) + (" Never in the future." if field.is_never_future else ""),
    )


def _allowed(field: Field) -> str:
    if field.valid_values:
        return " ".join(f"`{value}`" for value in field.valid_values)
    return f"`{_cell(field.pattern)}`" if field.pattern else ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _write(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m contracts.reference PAGE\n")
        return 2
    write_atomically(Path(arguments[0]), reference_page())
    return 0


if __name__ == "__main__":
    sys.exit(_write(sys.argv[1:]))
