"""Pull `tax.taxpayer` in a process of its own, so that a test can kill it: ADDRESS DATA_DIR [BYTES_PER_FILE]."""

import asyncio
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.pull import pull_registry

address, data_dir, *limit = sys.argv[1:]
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]), int(limit[0])))
access = RegistrySettings(base_url=f"{address}/tax", page_size=10, attempts=3, retry_wait_max_seconds=0.05)
settings = Settings(data_dir=Path(data_dir), registries={"tax": access})
now = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
(outcome,) = asyncio.run(pull_registry(settings, "tax", datasets=["taxpayer"], clock=lambda: now, progress=Silent()))
sys.stdout.write(f"{outcome.status} {outcome.rows_received} {outcome.rows_landed} {outcome.error or ''}\n")
