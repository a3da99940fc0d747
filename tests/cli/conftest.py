import functools
import shutil
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "query")]

# The folders must be on the path first.
from command_line import Doichieu, run_in  # noqa: E402
from example_snapshot import publish_example  # noqa: E402


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("example")
    publish_example(root)
    return root


@pytest.fixture
def home(tmp_path: Path, example: Path) -> Path:
    """A folder with a configuration and a published snapshot."""
    shutil.copytree(example / "var", tmp_path / "var", symlinks=True)
    (tmp_path / "doichieu.toml").write_text('data_dir = "var"\n', encoding="utf-8")
    return tmp_path


@pytest.fixture
def doichieu(tmp_path: Path) -> Doichieu:
    """The command, run in the test's folder."""
    return functools.partial(run_in, tmp_path)
