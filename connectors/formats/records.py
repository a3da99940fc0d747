"""Records as texts to a table of texts, with the columns that are reckoned from others."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from connectors.formats import PLACE

if TYPE_CHECKING:
    import pyarrow as pa

UNREADABLE = "_unreadable"
"""Column that says why a record could not be taken apart; its other fields are empty."""
Record = tuple[tuple[str, ...], list[str | None]]
"""The fields a record has, and their texts."""
Column = Any
"""An Arrow array of texts, whole or in chunks."""


def unreadable(place: str, reason: str) -> Record:
    return (PLACE, UNREADABLE), [place, reason]


class Records:
    """Records of one kind. Files of one maker have one shape, so columns are made of whole rows, not field by field."""

    def __init__(self) -> None:
        self._by_shape: dict[tuple[str, ...], list[list[str | None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_shape)

    def add(self, records: Iterable[Record]) -> None:
        for columns, values in records:
            self._by_shape.setdefault(columns, []).append(values)

    def table(self, fields: Iterable[str], constants: Mapping[str, str | None]) -> "pa.Table":
        """All columns text, trimmed, empty ones null. Those of `fields` that are constant or reckoned (`_days.A.B`,
        `_digits.N.A`, `_whole.A`) are put to them."""
        import pyarrow as pa

        tables = [_of_shape(columns, rows) for columns, rows in self._by_shape.items()]
        whole = pa.concat_tables(tables, promote_options="default")
        for field in fields:
            column = _reckoned(whole, field, constants)
            whole = whole if column is None else whole.append_column(field, column)
        return whole


def _of_shape(columns: tuple[str, ...], rows: list[list[str | None]]) -> "pa.Table":
    import pyarrow as pa

    twice = [name for name, count in Counter(columns).items() if count > 1]
    if not twice:
        # One array of everything, column behind column: trimmed in one step instead of once for each column.
        texts = _trimmed(list(itertools.chain.from_iterable(zip(*rows, strict=True))))
        return pa.table([texts.slice(at * len(rows), len(rows)) for at in range(len(columns))], list(columns))
    # Which of the two values counts, nobody can say.
    places = [row[columns.index(PLACE)] for row in rows]
    reason = f"names {twice[0]} twice"
    return pa.table({PLACE: places, UNREADABLE: pa.repeat(reason, len(rows))})


def _reckoned(whole: "pa.Table", field: str, constants: Mapping[str, str | None]) -> Column | None:
    import pyarrow as pa

    kind, _, rest = field.partition(".")
    if field in constants:
        return pa.repeat(pa.scalar(constants[field] or None, pa.string()), whole.num_rows)
    if kind == "_days":
        start, _, end = rest.partition(".")
        return _days(_column(whole, start), _column(whole, end))
    if kind == "_digits":
        length, _, name = rest.partition(".")
        return _digits(_column(whole, name), int(length))
    return _whole(_column(whole, rest)) if kind == "_whole" else None


def _kernels() -> Any:
    """Arrow's compute functions, whose stubs know nothing of texts."""
    import pyarrow.compute

    return pyarrow.compute


def _trimmed(values: Iterable[str | None]) -> Column:
    import pyarrow as pa

    pc = _kernels()

    text = pc.utf8_trim_whitespace(pa.array(values, pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _column(whole: "pa.Table", name: str) -> Column:
    import pyarrow as pa

    return whole[name] if name in whole.column_names else pa.nulls(whole.num_rows, pa.string())


def _digits(texts: Column, length: int) -> Column:
    """The texts that are exactly so many digits; spaces and dots between them are how people write, not other numbers."""
    import pyarrow as pa

    pc = _kernels()

    plain = pc.replace_substring_regex(texts, r"[ .]", "")
    return pc.if_else(pc.match_substring_regex(plain, rf"^\d{{{length}}}$"), plain, pa.scalar(None, pa.string()))


def _days(start: Column, end: Column) -> Column:
    """Calendar days, both ends included, between texts written yyyymmdd…; null where one is not, or they cross."""
    import pyarrow as pa

    pc = _kernels()

    first, last = (
        pc.strptime(_eight_digits(texts), format="%Y%m%d", unit="s", error_is_null=True).cast(pa.date32())
        for texts in (start, end)
    )
    days = pc.add(pc.days_between(first, last), 1)
    return pc.if_else(pc.greater(days, 0), days, pa.scalar(None, pa.int64())).cast(pa.string())


def _whole(amounts: Column) -> Column:
    """Amounts with decimals to the nearest whole one, halves away from zero; what is no plain number stays as it is."""
    import pyarrow as pa

    pc = _kernels()

    is_number = pc.match_substring_regex(amounts, r"^-?\d{1,15}\.\d{1,9}$")
    exact = pc.if_else(is_number, amounts, pa.scalar(None, pa.string())).cast(pa.decimal128(24, 9))
    rounded = pc.round(exact, 0, round_mode="half_towards_infinity").cast(pa.decimal128(15, 0)).cast(pa.string())
    return pc.coalesce(rounded, amounts)


def _eight_digits(texts: Column) -> Column:
    """The day in `yyyymmdd` and `yyyymmddHHMM`; anything else becomes a text that is no day."""
    pc = _kernels()

    return pc.if_else(pc.match_substring_regex(texts, r"^\d{8}(\d{4,6})?$"), pc.utf8_slice_codeunits(texts, 0, 8), "")
