"""What `doichieu.toml` may say, and how a mistake in it is told."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError, Exit
from common.settings import CheckSettings, Settings, load_settings

SMALLEST = """
data_dir = "var"
[registries.tax]
base_url = "http://127.0.0.1:8800/tax/"
token_url = "http://127.0.0.1:8800/oauth/token"
client_id = "doichieu"
client_secret = { env = "TAX_SECRET" }
"""
FAR = SMALLEST.replace("127.0.0.1:8800", "lgsp.example.gov.vn")


def settings_of(folder: Path, text: str) -> Settings:
    (folder / "doichieu.toml").write_text(text, encoding="utf-8")
    return load_settings(folder / "doichieu.toml")


def test_the_smallest_configuration_is_enough(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SMALLEST)
    assert settings.data_dir == tmp_path / "var"
    assert settings.registries["tax"].base_url == "http://127.0.0.1:8800/tax"
    assert settings.registries["tax"].datasets is None
    assert settings.schedule.timezone == "Asia/Ho_Chi_Minh"


def test_an_empty_configuration_lists_no_registry(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "").registries == {}


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SMALLEST + 'source = "sources/tax.toml"\n')
    assert settings.registries["tax"].source == tmp_path / "sources" / "tax.toml"


def test_settings_cannot_be_changed_after_they_are_read(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SMALLEST)
    with pytest.raises(ValueError, match="frozen"):
        settings.registries["tax"].page_size = 1


# what is wrong · the file → what is said, and a word of the remedy
WRONG: dict[str, tuple[str, str, str]] = {
    "an unknown key at the top": ('datadir = "var"', "datadir: unknown key", "rename"),
    "an unknown key of a registry": (SMALLEST + "page = 5\n", "registries.tax.page: unknown key", "rename"),
    "an unknown section": ("[portal]\nport = 1\n", "portal: unknown key", "rename"),
    "a registry nobody knows": (
        SMALLEST.replace("registries.tax", "registries.taxes"),
        "registries.taxes: not a registry; the registries are investment, tax, labour,",
        "doichieu init",
    ),
    "a literal secret for a far host": (
        FAR.replace('{ env = "TAX_SECRET" }', '"hush"'),
        "registries.tax: client_secret: a literal secret is refused outside loopback",
        "doichieu init",
    ),
    "a secret in two places": (
        SMALLEST.replace('{ env = "TAX_SECRET" }', '{ env = "A", file = "b" }'),
        "give exactly one of",
        "doichieu init",
    ),
    "a client without a place to ask for tokens": (
        SMALLEST.replace('token_url = "http://127.0.0.1:8800/oauth/token"\n', ""),
        "registries.tax: token_url and client_id go together",
        "doichieu init",
    ),
    "an address that is none": (
        SMALLEST.replace("http://127.0.0.1:8800/tax/", "lgsp/tax"),
        "registries.tax.base_url: must be an http:// or https:// address",
        "doichieu init",
    ),
    "a page of no record": (SMALLEST + "page_size = 0\n", "registries.tax.page_size: Input should be greater", "init"),
    "a threshold above a hundred": (
        '[checks."tax.payroll"]\nquarantine_percent = 120\n',
        "checks.tax.payroll.quarantine_percent: Input should be less",
        "init",
    ),
    "broken TOML": ('data_dir = "var\n', "not valid TOML", "correct that line"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_told_with_its_place_and_remedy(what: str, tmp_path: Path) -> None:
    text, said, remedy = WRONG[what]
    with pytest.raises(ConfigurationError) as refused:
        settings_of(tmp_path, text)
    assert said in refused.value.what
    assert "hush" not in str(refused.value)
    assert refused.value.where == str(tmp_path / "doichieu.toml")
    assert remedy in refused.value.remedy
    assert refused.value.exit_code is Exit.USAGE


def test_two_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings_of(tmp_path, SMALLEST + "page = 5\nattempts = 0\n")
    assert "registries.tax.page: unknown key" in refused.value.what
    assert "registries.tax.attempts:" in refused.value.what


def test_a_missing_file_is_told_with_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file") as refused:
        load_settings(tmp_path / "doichieu.toml")
    assert "doichieu init" in refused.value.remedy


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "[::1]"])
def test_a_literal_secret_is_accepted_on_loopback(host: str, tmp_path: Path) -> None:
    text = SMALLEST.replace("127.0.0.1", host).replace('{ env = "TAX_SECRET" }', '"hush"')
    assert settings_of(tmp_path, text).registries["tax"].secret(registry="tax") == "hush"


def test_a_secret_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAX_SECRET", "hush")
    assert settings_of(tmp_path, FAR).registries["tax"].secret(registry="tax") == "hush"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAX_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("TAX_SECRET", value)
    with pytest.raises(ConfigurationError, match="environment variable TAX_SECRET is not set") as refused:
        settings_of(tmp_path, FAR).registries["tax"].secret(registry="tax")
    assert refused.value.where == "registries.tax.client_secret"


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n", encoding="utf-8")
    text = FAR.replace('{ env = "TAX_SECRET" }', f'{{ file = "{tmp_path}/secret" }}')
    assert settings_of(tmp_path, text).registries["tax"].secret(registry="tax") == "hush"


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    text = FAR.replace('{ env = "TAX_SECRET" }', f'{{ file = "{tmp_path}/secret" }}')
    with pytest.raises(ConfigurationError, match="the secret file cannot be read") as refused:
        settings_of(tmp_path, text).registries["tax"].secret(registry="tax")
    assert f"{tmp_path}/secret" in refused.value.where


def test_checks_of_a_dataset_come_before_the_default_ones(tmp_path: Path) -> None:
    text = '[checks.default]\nquarantine_rows = 7\n[checks."tax.payroll"]\nfreshness_days = 40\n'
    settings = settings_of(tmp_path, text)
    assert settings.checks_for("tax", "payroll") == CheckSettings(freshness_days=40)
    assert settings.checks_for("tax", "taxpayer") == CheckSettings(quarantine_rows=7)
