import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest
from command_line import Doichieu
from pydantic import BaseModel

from cli.init import source_notes
from common.settings import REGISTRIES, Settings, load_settings
from contracts.loader import load_contracts

TEMPLATE = (files("cli") / "templates" / "doichieu.toml").read_text(encoding="utf-8")


def uncommented(text: str) -> str:
    """Every setting of the file taken into use; the lines that explain stay comments."""
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.split("\n")
    )


def setting_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        nested = [kind for kind in inner if issubclass(kind, BaseModel)]
        yield from setting_names(nested[0]) if nested else [name]


def test_init_writes_a_configuration_that_works_as_it_is(tmp_path: Path, doichieu: Doichieu) -> None:
    answered = doichieu("init", "--json")
    assert answered.code == 0
    assert answered.json["written"] == [
        "doichieu.toml",
        *(f"sources/{name}.toml" for name in REGISTRIES),
    ]
    assert load_settings(tmp_path / "doichieu.toml").registries == {}
    assert doichieu("sources", "list").code == 0


def test_every_setting_of_the_written_file_can_be_taken_into_use(
    tmp_path: Path,
) -> None:
    path = tmp_path / "doichieu.toml"
    path.write_text(uncommented(TEMPLATE), encoding="utf-8")
    assert set(load_settings(path).registries) == set(REGISTRIES)


def test_every_setting_there_is_stands_in_the_written_file() -> None:
    taken = uncommented(TEMPLATE)
    places = {"path", "env", "file", "registries", "checks", "purposes", "schedule", "build"}
    assert [name for name in setting_names(Settings) if name not in places and f"\n{name} = " not in taken] == []
    assert [name for name in places - {"path", "env", "file"} if f"\n[{name}" not in taken] == []
    assert "{ env = " in taken
    assert "{ file = " in taken


def test_the_values_written_as_defaults_are_the_defaults(tmp_path: Path) -> None:
    written = tomllib.loads(uncommented(TEMPLATE))
    registry, defaults = (
        written["registries"]["insurance"],
        Settings().checks_for("tax", "payroll"),
    )
    from common.settings import BuildSettings, RegistrySettings, ScheduleSettings

    for name in (
        "page_size",
        "concurrency",
        "timeout_seconds",
        "attempts",
        "retry_wait_max_seconds",
        "overlap_minutes",
    ):
        assert registry[name] == RegistrySettings.model_fields[name].default, name
    for name, value in written["checks"]["default"].items():
        assert value == getattr(defaults, name), name
    assert written["build"] == BuildSettings().model_dump()
    assert written["schedule"]["nightly"] == ScheduleSettings().nightly


def test_init_overwrites_nothing_unless_it_is_forced(tmp_path: Path, doichieu: Doichieu) -> None:
    (tmp_path / "doichieu.toml").write_text("mine", encoding="utf-8")
    refused = doichieu("init")
    assert refused.code == 2
    assert "--force" in refused.err
    assert (tmp_path / "doichieu.toml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "sources").exists()
    assert doichieu("init", "--force").code == 0
    assert (tmp_path / "doichieu.toml").read_text(encoding="utf-8") == TEMPLATE


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_fresh_source_file_holds_notes_only_and_names_every_dataset(
    registry: str,
) -> None:
    notes = source_notes(registry)
    assert tomllib.loads(notes) == {}
    assert all(f"\n# {name} (" in notes for name in load_contracts()[registry])


LOCKED = """
[registries.tax]
base_url = "http://127.0.0.1:9/tax"
token_url = "http://127.0.0.1:9/token"
client_id = "a"
client_secret = { env = "NO_SUCH_SECRET" }
"""


def verdicts(answer: dict) -> dict[str, str]:  # type: ignore[type-arg]
    return {found["topic"].partition(" ·")[0]: found["verdict"] for found in answer["findings"]}


def test_the_doctor_finds_a_sound_installation_sound(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("doctor", "--json")
    assert answered.code == 0
    found = verdicts(answered.json)
    assert [found[name] for name in ("Python", "duckdb", "prefect", "giờ", "cấu hình", "bản công bố")] == ["ok"] * 6
    assert found["nguồn"] == "warn"


@pytest.mark.parametrize(
    ("text", "code", "topic"),
    [
        ('colour = "red"', 2, "cấu hình"),
        (
            LOCKED,
            2,
            "tax: mật khẩu",
        ),
        (
            '[registries.tax]\nbase_url = "http://127.0.0.1:9/tax"\nattempts = 1\nretry_wait_max_seconds = 0\n',
            3,
            "tax: kết nối",
        ),
        ('data_dir = "/proc/nowhere"', 2, "thư mục dữ liệu"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(
    tmp_path: Path, doichieu: Doichieu, text: str, code: int, topic: str
) -> None:
    (tmp_path / "doichieu.toml").write_text(text, encoding="utf-8")
    answered = doichieu("doctor", "--json")
    assert answered.code == answered.json["exit_code"] == code
    (wrong,) = [found for found in answered.json["findings"] if found["topic"].startswith(topic)]
    assert wrong["verdict"] == "fail"
    assert wrong["mend"]


def test_sources_list_names_every_dataset_and_what_was_landed_of_it(home: Path, doichieu: Doichieu) -> None:
    sources = doichieu("sources", "list", "--json").json["sources"]
    expected = [found.full_name for datasets in load_contracts().values() for found in datasets.values()]
    assert [source["dataset"] for source in sources] == expected
    assert {source["freshness"] for source in sources} == {"chưa lấy · never pulled"}


def test_checking_a_registry_that_is_down_exits_3_and_one_nobody_configured_2(
    tmp_path: Path, doichieu: Doichieu
) -> None:
    (tmp_path / "doichieu.toml").write_text(
        '[registries.tax]\nbase_url = "http://127.0.0.1:9/tax"\nattempts = 1\nretry_wait_max_seconds = 0\n',
        encoding="utf-8",
    )
    down = doichieu("sources", "check", "tax", "--json")
    assert (down.code, down.json["exit_code"]) == (3, 3)
    assert {found["status"] for found in down.json["datasets"]} == {"failed"}
    assert doichieu("sources", "check", "labour").code == 2
