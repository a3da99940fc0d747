"""What the documents name exists: commands, settings, rules, files, tables, links."""

import re
import shlex
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import application
from cli.waiting import WAITING
from common.errors import Exit
from common.settings import Settings, load_settings
from connectors.source import Source, load_source
from law.loader import load_law

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
RULES = {path.stem for path in (TOP / "warehouse" / "rules").glob("*.sql")}
ROOMS = {found.parent.name for found in TOP.glob("*/__init__.py")}
COMMAND = typer.main.get_command(application())
# A reserved domain, this machine, and the page that describes the changelog's form.
ADDRESSES = re.compile(r"https?://(lgsp\.example\.gov\.vn|127\.0\.0\.1|keepachangelog\.com)\b")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), flags=re.MULTILINE | re.DOTALL)


def spans(page: Path) -> list[str]:
    without_blocks = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", without_blocks)


def commands(page: Path) -> Iterator[str]:
    """Every `doichieu …` a reader may type from this page."""
    yield from (span for span in spans(page) if span.startswith("doichieu "))
    for block in (*blocks(page, "text"), *blocks(page, "sh")):
        for line in block.splitlines():
            typed = line.strip().removeprefix("$ ")
            if typed.startswith("doichieu "):
                yield typed.partition(" #")[0].strip()


def misspelt(spoken: str) -> list[str]:
    """What of a command line the command does not know."""
    words = [word for word in shlex.split(spoken)[1:] if word != "…"]
    command: Any = COMMAND
    while hasattr(command, "commands") and words:
        if words[0] not in command.commands:
            return [words[0]]
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


def test_the_documents_show_commands() -> None:
    shown = {spoken.split()[1] for page in PAGES for spoken in commands(page)}
    assert {"init", "doctor", "run", "pull", "flags", "explain", "export", "rules", "report", "schedule"} <= shown


@every_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    assert {spoken: wrong for spoken in commands(page) if (wrong := misspelt(spoken))} == {}


def test_a_misspelt_command_would_be_noticed() -> None:
    assert misspelt("doichieu flag --rule CD03") == ["flag"]
    assert misspelt("doichieu rules lists") == ["lists"]
    assert misspelt("doichieu flags --rules CD03") == ["--rules"]


@every_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z.]+):", (TOP / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = [span.split()[1] for span in spans(page) if re.fullmatch(r"make [a-z.]+( \S+)*", span)]
    assert set(named) <= targets


@every_page
def test_every_configuration_that_is_shown_is_read(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        path = tmp_path / "doichieu.toml"
        path.write_text(block, encoding="utf-8")
        if {"registry", "extends"} & set(tomllib.loads(block)):
            assert load_source(path).datasets
            continue
        settings = load_settings(path)
        assert set(tomllib.loads(block)) <= set(Settings.model_fields)
        assert settings.path == path


def keys_of(model: Any) -> set[str]:
    return set(model.model_fields)


@every_page
def test_every_setting_that_is_named_by_its_section_exists(page: Path) -> None:
    """`build.memory_limit`, `registries.tax.client_secret`, `[purposes]`."""
    sections = {name: field.annotation for name, field in (Settings.model_fields | Source.model_fields).items()}
    for span in spans(page):
        if found := re.fullmatch(r"\[([a-z]+)(\..+)?\]", span):
            assert found[1] in sections, span
        elif (found := re.fullmatch(r"(schedule|build)\.([a-z_]+)", span)) is not None:
            assert found[2] in keys_of(sections[found[1]]), span


@every_page
def test_every_rule_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\b(?:CD|TD|BG|YT|PT|CS)\d\d\b", text_of(page)))
    assert named <= RULES


def test_the_inspectors_page_tells_every_rule() -> None:
    rows = re.findall(r"^\| ([A-Z]{2}\d\d) \|", text_of(TOP / "docs" / "inspector.md"), flags=re.MULTILINE)
    assert sorted(rows) == sorted(RULES)


def test_the_changelog_tells_every_rule_and_every_verb_that_is_not_built() -> None:
    text = text_of(TOP / "CHANGELOG.md")
    assert set(re.findall(r"\b[A-Z]{2}\d\d\b", text)) == RULES
    assert [verb for verb in WAITING if f"`{verb}`" not in text] == []


def test_the_engineers_page_tells_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d) \|", text_of(TOP / "docs" / "engineer.md"), flags=re.MULTILINE)
    assert rows == [str(int(code)) for code in Exit]


@every_page
def test_links_and_images_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("http"):
            continue
        name, _, heading = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.is_file(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", text_of(linked), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}, (
                target
            )


@every_page
def test_files_of_the_rooms_that_are_named_exist(page: Path) -> None:
    rooms = "|".join(sorted(ROOMS))
    named = [span for span in spans(page) if re.fullmatch(rf"({rooms})/[\w./*-]*", span)]
    assert [path for path in named if not any(TOP.glob(path.rstrip("/")))] == []


@every_page
def test_marts_that_are_named_exist(page: Path) -> None:
    named = {span.removeprefix("marts.") for span in spans(page) if re.fullmatch(r"marts\.\w+", span)}
    assert named <= {path.stem for path in (TOP / "warehouse" / "marts").glob("*.sql")}


@every_page
def test_values_of_the_law_that_are_named_exist(page: Path) -> None:
    named = {span for span in spans(page) if re.fullmatch(r"(late|registration)_[a-z_]+", span)}
    assert named <= set(load_law())


@every_page
def test_no_page_names_a_machine_or_an_address_of_somebodys_own(page: Path) -> None:
    text = text_of(page)
    assert re.findall(r"(?:/home/|/root/|/tmp/|/work/|/Users/|/opt/|[A-Z]:\\)\S*", text) == []
    assert [found for found in re.findall(r"https?://[^\s)\]`\"]+", text) if not ADDRESSES.match(found)] == []


@every_page
def test_no_page_holds_what_could_be_a_personal_number(page: Path) -> None:
    # Twelve digits are a personal id; nine or ten with a label of a person could be an older one.
    assert re.findall(r"(?<![\w.])\d{12}(?![\w.])", text_of(page)) == []
    assert re.findall(r"(?:citizen_id|si_number|passport_no)\s*[│=:]\s*[\w]{6,}", text_of(page)) == []


@every_page
def test_vietnamese_is_written_in_composed_letters(page: Path) -> None:
    assert unicodedata.is_normalized("NFC", text_of(page))


def test_the_glossary_defines_each_word_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", text_of(TOP / "GLOSSARY.md"), flags=re.MULTILINE)
    words = [vi.strip() for vi, _ in rows if not vi.startswith(("---", "Tiếng Việt"))]
    assert len(words) > 60
    assert sorted(words) == sorted(set(words))


def test_the_index_of_decisions_lists_every_decision_and_each_has_its_four_parts() -> None:
    folder = TOP / "docs" / "adr"
    pages = sorted(page for page in folder.glob("0*.md"))
    listed = re.findall(r"^- \[(\d+\. .+)\]\((.+)\)$", text_of(folder / "README.md"), flags=re.MULTILINE)
    assert listed == [(text_of(page).splitlines()[0].removeprefix("# "), page.name) for page in pages]
    for number, page in enumerate(pages, start=1):
        assert page.name.startswith(f"{number:04}-")
        headings = re.findall(r"^## (.+)$", text_of(page), flags=re.MULTILINE)
        assert headings == ["Context", "Options", "Decision", "Consequences"], page.name
