"""Which codes name one employer: tax code, dependent units, insurance units, enterprises and projects in one graph."""

from pathlib import Path

import duckdb
import numpy as np

from warehouse.linkage.clusters import components
from warehouse.linkage.keys import KeyChanges, assign_keys


def link_employers(connection: duckdb.DuckDBPyConnection, *, previous: Path | None, written: Path) -> KeyChanges:
    """Make `linkage.employer_key (member, employer_key)`, a member being a code such as `tax:0100109106`.

    Reads `linkage.employer_code` and `linkage.employer_edge`.
    """
    connection.execute("""
        create or replace temp table numbered as
        select code, row_number() over (order by code) - 1 as code_no from linkage.employer_code
    """)
    edges = connection.execute("""
        select one.code_no as one, other.code_no as other
        from linkage.employer_edge as edge
        join numbered as one on one.code = edge.left_code
        join numbered as other on other.code = edge.right_code
    """).fetchnumpy()
    row = connection.execute("select count(*) from numbered").fetchone()
    assert row is not None
    labels = components(edges["one"].astype(np.int64), edges["other"].astype(np.int64), int(row[0]))
    connection.register("label", {"code_no": np.arange(len(labels)), "cluster": labels})
    connection.execute("""
        create or replace table linkage.employer_cluster as
        select code as member, cluster from numbered join label using (code_no)
    """)
    connection.unregister("label")
    return assign_keys(connection, subject="employer", prefix="E", previous=previous, written=written)
