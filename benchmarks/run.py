"""Run the benchmarks and put what they say into benchmarks/README.md: `python -m benchmarks.run [NAME…]`."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).with_name("README.md")
ALL = ("landing", "claims", "spreadsheets", "databases", "linkage")


def main() -> None:
    for name in sys.argv[1:] or ALL:
        sys.stderr.write(f"== {name}\n")
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        sys.stdout.write(f"{said}\n")
        _keep(name, said)


def _keep(name: str, said: str) -> None:
    """Between the benchmark's two marks; a table as it is, anything else as preformatted text."""
    shown = said if said.startswith("|") else f"```\n{said}\n```"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    block = f"{begin}\n{shown}\n\n*{machine}*\n{end}"
    text = README.read_text(encoding="utf-8")
    changed = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, text, flags=re.DOTALL)
    README.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    main()
