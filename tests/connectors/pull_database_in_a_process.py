"""Pull `insurance.payment` in a process of its own, so that a test can kill it: FOLDER with the source file."""

import sys
from pathlib import Path

from database_pulls import pull

from common.settings import RegistrySettings, Settings

folder = Path(sys.argv[1])
access = RegistrySettings(source=folder / "insurance.toml", attempts=2, retry_wait_max_seconds=0.1)
outcome = pull(Settings(data_dir=folder / "var", registries={"insurance": access}))
sys.stdout.write(f"{outcome.status} {outcome.rows_landed} {outcome.error or ''}\n")
