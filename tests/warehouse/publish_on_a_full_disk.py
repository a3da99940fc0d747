"""Run as a process of its own: publishes run `argv[2]` of folder `argv[1]` where no file may grow past 100 kB."""

import resource
import sys
from pathlib import Path

from common.errors import DoiChieuError
from common.settings import Settings
from tests.warehouse.given import NOW
from warehouse.publish import publish

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    publish(Settings(data_dir=Path(sys.argv[1])), run=sys.argv[2], created_at=NOW)
except DoiChieuError as error:
    sys.stdout.write(str(error))
    sys.exit(int(error.exit_code))
