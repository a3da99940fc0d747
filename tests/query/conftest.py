import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from example_snapshot import AT, publish_example

from common.settings import Settings
from query.identity import Reader
from query.snapshot import Reading, reading


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example is written once and copied for every test."""
    root = tmp_path_factory.mktemp("example")
    publish_example(root)
    return root


@pytest.fixture
def settings(tmp_path: Path, example: Path) -> Settings:
    shutil.copytree(example / "var", tmp_path / "var", symlinks=True)
    return Settings(path=tmp_path / "doichieu.toml", data_dir=tmp_path / "var")


@pytest.fixture
def opened(settings: Settings) -> Iterator[Reading]:
    with reading(settings) as found:
        yield found


@pytest.fixture
def masked() -> Reader:
    return Reader("lan", AT)


@pytest.fixture
def unmasked() -> Reader:
    return Reader("lan", AT, purpose="thanh-tra")
