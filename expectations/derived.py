"""The suite every contract implies, asked of the current version of each landed record.

What breaks the contract was set aside while landing, so a failure here is a broken promise of our own: it blocks.
"""

from collections.abc import Iterator

from contracts.loader import Dataset, Field
from expectations.checks import Check, FullMatch, InList, Level, NoRows, NotNull, Question, Wording

_FORMATS = {
    "month": r"\d{4}-(0[1-9]|1[0-2])",
    "partial_date": r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?",
}
_REPLAY_VI = "Bản ghi sai hợp đồng lẽ ra đã được để riêng: xem lại bước nhận dữ liệu, rồi nhận lại toàn bộ tập này."
_REPLAY_EN = "landing should have set these records aside: mend it, then pull the dataset again with --full"
_NOT_NULL = Wording("Trường bắt buộc có giá trị", "A required field is filled", _REPLAY_VI, _REPLAY_EN)
_IN_LIST = Wording("Giá trị nằm trong danh mục đóng", "A value is on its closed list", _REPLAY_VI, _REPLAY_EN)
_FORMAT = Wording("Giá trị viết đúng khuôn", "A value is written as the contract says", _REPLAY_VI, _REPLAY_EN)
_KEY = Wording("Khóa là duy nhất", "A key is unique", _REPLAY_VI, _REPLAY_EN)
_TIME_VI = "Hỏi cơ quan nguồn về đồng hồ và ngày của các bản ghi này; chúng vẫn được dùng."
_TIME_EN = "ask the source about the clock and the dates of these records; they are used as they stand"
_NOT_FUTURE = Wording("Ngày không nằm trong tương lai", "A date does not lie in the future", _TIME_VI, _TIME_EN)
_PLAUSIBLE = Wording("Ngày nằm trong khoảng hợp lý", "A date is plausible", _TIME_VI, _TIME_EN)


def derived_checks(dataset: Dataset) -> list[Check]:
    """The checks of one dataset, asked of the table `dataset.table`: one row per key, newest version, withdrawn out."""
    return [*_key_checks(dataset), *(check for field in dataset.fields for check in _field_checks(dataset, field))]


def _key_checks(dataset: Dataset) -> Iterator[Check]:
    columns = ", ".join(f'"{name}"' for name in dataset.key)
    twice = f"select {columns} from {dataset.table} group by {columns} having count(*) > 1"
    yield _check(dataset, "key_unique", "block", NoRows(twice, dataset.table), f"one row per {columns}", _KEY)
    keyless = f"select 1 from {dataset.table} where _record_key is null"
    yield _check(dataset, "not_null:_record_key", "block", NoRows(keyless, dataset.table), "a record key", _NOT_NULL)


def _field_checks(dataset: Dataset, field: Field) -> Iterator[Check]:
    if field.is_required:
        yield _check(dataset, f"not_null:{field.name}", "block", NotNull(field.name), "a value", _NOT_NULL)
    if field.valid_values:
        values = tuple(int(value) if field.type == "int" else value for value in field.valid_values)
        listed = ", ".join(field.valid_values)
        yield _check(dataset, f"in_list:{field.name}", "block", InList(field.name, values), listed, _IN_LIST)
    pattern = field.pattern.strip("^$") if field.pattern else _FORMATS.get(field.type)
    if pattern is not None:
        yield _check(dataset, f"format:{field.name}", "block", FullMatch(field.name, pattern), pattern, _FORMAT)
    yield from _date_checks(dataset, field)


def _date_checks(dataset: Dataset, field: Field) -> Iterator[Check]:
    column = f'"{field.name}"'
    arrived = "(strptime(left(_pull, 8), '%Y%m%d')::date + 1)"
    if field.name == "updated_at":
        ahead = f"select 1 from {dataset.table} where {column}::date > {arrived}"
        question = NoRows(ahead, dataset.table)
        yield _check(dataset, "not_future:updated_at", "warn", question, "not after the day of the pull", _NOT_FUTURE)
    elif field.is_never_future:
        text = f"{column}::varchar"
        earliest = f"try_cast({text} || substr('-01-01', length({text}) - 3) as date)"
        question = NoRows(f"select 1 from {dataset.table} where {earliest} > {arrived}", dataset.table)
        yield _check(
            dataset, f"not_future:{field.name}", "block", question, "not after the day of the pull", _NOT_FUTURE
        )
    elif field.type in ("date", "timestamp"):
        odd = f"select 1 from {dataset.table} where year({column}) not between 1950 and 2099"
        question = NoRows(odd, dataset.table)
        yield _check(dataset, f"plausible:{field.name}", "warn", question, "a day from 1950 to 2099", _PLAUSIBLE)


def _check(dataset: Dataset, name: str, level: Level, question: Question, expected: str, wording: Wording) -> Check:
    return Check(
        suite=dataset.full_name,
        name=name,
        level=level,
        question=question,
        expected=expected,
        wording=wording,
        table=dataset.table,
        needs=(dataset.full_name,),
    )
