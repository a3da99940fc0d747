"""How right the person links are, where the truth is known: pairwise precision and recall, by dataset and overall."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.engine.duckdb import literal

# Pairs are counted, never made: a group of n records has n (n - 1) / 2. The records of one cluster that are about one
# person are the rightly linked ones. A pair belongs to a dataset when at least one of its records does: all pairs of the
# group, less those among its other records.
_COUNTED = """
    with known as (
        select links.registry || '.' || links.dataset as dataset, links.person_key, truth.true_person
        from {links} as links join {truth} as truth using (registry, dataset, record_key, role)
    ),
    inside as (
        select dataset, person_key, true_person, count(*) as records,
            grouping(person_key) as is_truth, grouping(true_person) as is_link
        from known
        group by grouping sets ((dataset, person_key), (dataset, true_person), (dataset, person_key, true_person))
    ),
    grouped as (
        select *, sum(records) over (partition by is_truth, is_link, person_key, true_person) as whole,
            row_number() over (partition by is_truth, is_link, person_key, true_person) = 1 as is_first
        from inside
    ),
    paired as (
        select dataset, is_truth, is_link, records,
            whole * (whole - 1) // 2 - (whole - records) * (whole - records - 1) // 2 as pairs
        from grouped
        union all
        -- a group counts once overall, however many datasets it reaches over
        select null, is_truth, is_link, case when is_first then whole else 0 end,
            case when is_first then whole * (whole - 1) // 2 else 0 end
        from grouped
    )
    select dataset,
        sum(records) filter (is_link = 1) as records,
        sum(pairs) filter (is_link = 1) as linked,
        sum(pairs) filter (is_truth = 1) as true_pairs,
        sum(pairs) filter (is_truth = 0 and is_link = 0) as correct
    from paired group by dataset order by dataset nulls first
"""


@dataclass(frozen=True)
class PairFigures:
    """Pairs of records in one dataset (at least one of the two is in it), or overall where `dataset` is None."""

    dataset: str | None
    records: int
    linked_pairs: int
    true_pairs: int
    correct_pairs: int

    @property
    def precision(self) -> float | None:
        """The share of linked pairs that are one person; None where nothing was linked."""
        return self.correct_pairs / self.linked_pairs if self.linked_pairs else None

    @property
    def recall(self) -> float | None:
        """The share of pairs that are one person and were linked; None where there are none."""
        return self.correct_pairs / self.true_pairs if self.true_pairs else None

    def to_json(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "records": self.records,
            "linked_pairs": self.linked_pairs,
            "true_pairs": self.true_pairs,
            "correct_pairs": self.correct_pairs,
            "precision": self.precision,
            "recall": self.recall,
        }


def count_pairs(connection: duckdb.DuckDBPyConnection, *, links: str, truth: str) -> list[PairFigures]:
    """The figures overall, then by dataset. Records that only one side knows are left out: nothing can be said of them.

    `links` (registry, dataset, record_key, role, person_key) and `truth` (the same four, true_person) are relations in
    SQL, one row per record and role. Without a record that both know, the list is empty.
    """
    rows: Sequence[tuple[str | None, int, int, int, int]] = connection.execute(
        _COUNTED.format(links=links, truth=truth)
    ).fetchall()
    return [PairFigures(dataset, *(int(value) for value in counts)) for dataset, *counts in rows]


def measure_build(build: Path, truth: Path) -> list[PairFigures]:
    """The person links of the build in file `build` against the true persons in Parquet file `truth`."""
    with duckdb.connect(str(build), read_only=True) as connection:
        return count_pairs(connection, links="linkage.person_link", truth=f"read_parquet({literal(str(truth))})")
