"""Cells merged over several rows of records, such as an employer beside its workers: the value counts for each row."""

from collections.abc import Sequence

from connectors.formats.grid import Block, Column, Merge


class FilledDown:
    """Fills merged cells down, block after block in order of the rows."""

    def __init__(self, merges: Sequence[Merge], first_row: int) -> None:
        self._open = sorted(each for each in merges if each.top >= first_row and each.bottom > each.top)
        self._values: dict[Merge, str | None] = {}

    def columns(self, block: Block) -> list[Column]:
        """The block's columns with the values of merged cells in every row they cover."""
        import pyarrow as pa

        if not len(block.numbers):
            return block.columns
        columns = list(block.columns)
        last = int(block.numbers[-1])
        touched: dict[int, list[str | None]] = {}
        for merge in self._open:
            if merge.top > last:
                break
            if merge.left < len(columns):
                values = touched.setdefault(merge.left, [])
                values = touched[merge.left] = values or columns[merge.left].to_pylist()
                self._fill(merge, block, values)
        for at, values in touched.items():
            columns[at] = pa.array(values, pa.string())
        self._open = [each for each in self._open if each.bottom > last]
        return columns

    def _fill(self, merge: Merge, block: Block, values: list[str | None]) -> None:
        import numpy as np

        start, end = np.searchsorted(block.numbers, [merge.top, merge.bottom + 1])
        if start < len(values) and int(block.numbers[start]) == merge.top:
            self._values[merge] = values[start]
        for at in range(start, end):
            values[at] = values[at] or self._values.get(merge)
