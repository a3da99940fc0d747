"""What stands set aside today, for the report: told as well as it can be where landed files are damaged."""

from dataclasses import replace
from pathlib import Path

from common.files import DataFolder
from contracts.loader import Dataset
from contracts.set_aside import outstanding_query, since_last_full
from expectations.deliveries import finished_deliveries


def outstanding_in(data: DataFolder, contract: Dataset) -> str | None:
    """SQL as of `contracts.set_aside.outstanding_query`; a part that cannot be read supersedes nothing.

    The check on landed files blocks such a run; its report still has to be written.
    """
    pulls = [found.as_finished for found in finished_deliveries(data, contract) if found.is_offered]
    if not any(pull.set_aside for pull in since_last_full(pulls)):
        return None
    readable = [replace(pull, parts=tuple(part for part in pull.parts if _is_readable(part))) for pull in pulls]
    return outstanding_query(contract, readable)


def _is_readable(part: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(part)
    except (OSError, pa.ArrowInvalid):
        return False
    return True
