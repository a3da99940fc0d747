"""Tables of measurements, printed and kept in benchmarks/README.md between two marks."""

import os
import platform
import re
import sys
from pathlib import Path

README = Path(__file__).with_name("README.md")


def write_table(name: str, table: str, *, is_kept: bool) -> None:
    """Print a Markdown table; with `is_kept`, also put it in its place in the README."""
    sys.stdout.write(f"{table}\n")
    if not is_kept:
        return
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    text = README.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    filled = f"{begin}\n{table}\n\n*{machine}*\n{end}"
    README.write_text(
        re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: filled, text, flags=re.DOTALL), encoding="utf-8"
    )
