"""Pairwise precision and recall of person links on examples counted by hand."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import duckdb
import pytest

from warehouse.linkage.measure import PairFigures, count_pairs

Row = tuple[str, str, str]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        columns = "registry varchar, dataset varchar, record_key varchar, role varchar"
        opened.execute(f"create table link ({columns}, person_key varchar)")
        opened.execute(f"create table truth ({columns}, true_person varchar)")
        yield opened


def counted(
    connection: duckdb.DuckDBPyConnection, links: Sequence[Row], truth: Sequence[Row]
) -> dict[str | None, PairFigures]:
    """Rows are (dataset, key, person)."""
    for table, rows in (("link", links), ("truth", truth)):
        for name, key, person in rows:
            values = [*name.split("."), key, "self", person]
            connection.execute(f"insert into {table} values (?, ?, ?, ?, ?)", values)
    return {found.dataset: found for found in count_pairs(connection, links="link", truth="truth")}


# Nguyen has three records, two of them linked; the third is linked to the only record of Tran; Le is alone, as she should be.
LINKS = [("tax.payroll", "1", "P1"), ("tax.payroll", "2", "P2"), ("health.visit", "1", "P1"), ("health.visit", "2", "P2"),
         ("health.visit", "3", "P3")]  # fmt: skip
TRUTH = [("tax.payroll", "1", "nguyen"), ("tax.payroll", "2", "nguyen"), ("health.visit", "1", "nguyen"),
         ("health.visit", "2", "tran"), ("health.visit", "3", "le")]  # fmt: skip


def test_pairs_are_counted_overall_and_where_a_dataset_holds_at_least_one_side(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = counted(connection, LINKS, TRUTH)
    assert list(found.values()) == [
        PairFigures(None, records=5, linked_pairs=2, true_pairs=3, correct_pairs=1),
        PairFigures("health.visit", records=3, linked_pairs=2, true_pairs=2, correct_pairs=1),
        PairFigures("tax.payroll", records=2, linked_pairs=2, true_pairs=3, correct_pairs=1),
    ]
    assert (found[None].precision, found[None].recall) == (1 / 2, 1 / 3)


def test_a_record_that_only_one_side_knows_is_not_held_against_the_links(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    never_delivered = ("tax.payroll", "9", "nguyen")
    nobody_knows_whose = ("health.visit", "9", "P1")
    found = counted(connection, [*LINKS, nobody_knows_whose], [*TRUTH, never_delivered])
    assert found[None] == PairFigures(None, records=5, linked_pairs=2, true_pairs=3, correct_pairs=1)


def test_where_everybody_has_one_record_there_is_nothing_to_be_right_or_wrong_about(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    alone = [("tax.payroll", str(number), f"P{number}") for number in range(3)]
    found = counted(connection, alone, alone)[None]
    assert (found.records, found.linked_pairs, found.precision, found.recall) == (3, 0, None, None)


def test_without_a_record_in_common_there_are_no_figures(connection: duckdb.DuckDBPyConnection) -> None:
    assert counted(connection, LINKS, []) == {}


def test_roles_of_one_record_are_different_records(connection: duckdb.DuckDBPyConnection) -> None:
    for table, people in (("link", ("P1", "P1")), ("truth", ("mother", "father"))):
        for role, person in zip(("mother", "father"), people, strict=True):
            connection.execute(f"insert into {table} values ('health', 'birth', '1', '{role}', '{person}')")
    (overall, _) = count_pairs(connection, links="link", truth="truth")
    assert (overall.linked_pairs, overall.true_pairs, overall.correct_pairs) == (1, 0, 0)


def test_the_counts_are_those_of_comparing_every_pair(connection: duckdb.DuckDBPyConnection) -> None:
    names = ("tax.payroll", "health.visit", "labour.workforce")
    links = [(names[n % 3], str(n), f"P{n * n % 11}") for n in range(90)]
    truth = [(names[n % 3], str(n), f"T{n % 7}") for n in range(90)]
    found = counted(connection, links, truth)
    pairs = list(combinations(range(90), 2))
    for name in (None, *names):
        asked = [(a, b) for a, b in pairs if name is None or name in (links[a][0], links[b][0])]
        linked = {pair for pair in asked if links[pair[0]][2] == links[pair[1]][2]}
        true = {pair for pair in asked if truth[pair[0]][2] == truth[pair[1]][2]}
        assert (found[name].linked_pairs, found[name].true_pairs) == (len(linked), len(true))
        assert found[name].correct_pairs == len(linked & true)
