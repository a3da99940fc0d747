"""Every key of a source file, written from its model: `python -m connectors.onboarding.source_reference PAGE` renews the page's end."""

import ast
import inspect
import sys
import tomllib
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from common.files import write_atomically
from common.settings import SecretPlace
from connectors import source
from connectors.source import (
    Auth,
    Body,
    Database,
    DatasetSource,
    FieldSource,
    Files,
    Format,
    Incremental,
    Paging,
    Rest,
    Sftp,
    Source,
    packaged_sources,
)

HEADING = "## Sources that come with the package"
_PACKAGED = """\
`extends = "NAME"` on the first line of a source file starts from one of them. What the file says is laid over it key by key;
a field's mapping is replaced whole.
"""
_INTRODUCTION = """\
Written from the model that reads source files, by `make docs`; a test fails when it is older than the model.
Text that must not be empty has no default; a key left out means its default. Secrets stand outside the file.
"""
_TABLES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The top of the file", "", Source),
    ("rest", "[rest]", Rest),
    ("rest.auth", "[rest.auth]", Auth),
    ("rest.paging", "[rest.paging]", Paging),
    ("rest.body", "[rest.body]", Body),
    ("rest.incremental", "[rest.incremental]", Incremental),
    ("files", "[files]", Files),
    ("files.sftp", "[files.sftp]", Sftp),
    ("files.format", "[files.format]", Format),
    ("database", "[database]", Database),
    ("datasets.NAME", "[datasets.NAME]", DatasetSource),
    ("datasets.NAME.fields", "[datasets.NAME.fields]", FieldSource),
)
_NOT_WRITTEN = {"path"}
"""Of `Source`: where the file was read from."""
_SHORT = {"from", "join", "parse", "null_values", "pattern"}
"""Lists of which a single text may stand for a list of one."""
_SIMPLE: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def reference() -> str:
    """The sections as Markdown, from `HEADING` on."""
    tables = [_section(*table) for table in _TABLES]
    return "\n".join([HEADING, "", _PACKAGED, _packaged(), "## Every key", "", _INTRODUCTION, *tables]).rstrip() + "\n"


def _packaged() -> str:
    rows = ["| NAME | Registry | Datasets | What it reads |", "| --- | --- | --- | --- |"]
    for name, text in packaged_sources().items():
        said = tomllib.loads(text)
        datasets = ", ".join(said["datasets"])
        rows.append(f"| `{name}` | {said['registry']} | {datasets} | {said['description']} |")
    return "\n".join([*rows, ""])


def _section(title: str, header: str, model: type[BaseModel]) -> str:
    said = _introduced(model)
    rows = [_row(model, name, field) for name, field in model.model_fields.items() if not _is_hidden(model, name)]
    opening = f"`{header}`: {said}" if header else said
    head = ("| Key | Value | Default | Meaning |", "| --- | --- | --- | --- |")
    return "\n".join([f"### {title}", "", opening, "", *head, *rows, ""])


def _is_hidden(model: type[BaseModel], name: str) -> bool:
    return model is Source and name in _NOT_WRITTEN


def _introduced(model: type[BaseModel]) -> str:
    """The model's docstring, without the header where it begins with that."""
    text = " ".join((inspect.getdoc(model) or "").split())
    return text.partition("]`: ")[2] or text


def _row(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    key = field.alias or name
    cells = (f"`{key}`", _written(key, field), _default(field), described(model, name))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def described(model: type[BaseModel], name: str) -> str:
    """The docstring below the attribute, in the class that declares it. Raises `LookupError` where there is none."""
    for owner in model.__mro__:
        said = _attribute_docs().get((owner.__name__, name))
        if said is not None:
            return said
    raise LookupError(f"{model.__name__}.{name} has no docstring")


@cache
def _attribute_docs() -> dict[tuple[str, str], str]:
    return {
        (owner.name, name): " ".join(inspect.cleandoc(said).split())
        for owner in ast.parse(inspect.getsource(source)).body
        if isinstance(owner, ast.ClassDef)
        for name, said in _docs_of(owner)
    }


def _docs_of(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for declared, below in zip(owner.body, owner.body[1:], strict=False):
        match declared, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, said


def _written(key: str, field: FieldInfo) -> str:
    kind = _kind(field.annotation)
    return kind.replace("list of texts", "text, or a list of texts") if key in _SHORT else kind


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin is Literal:
        return " · ".join(f'`"{value}"`' for value in get_args(annotation))
    if origin in (Union, types.UnionType):
        kinds = [_kind(each) for each in get_args(annotation) if each is not type(None)]
        return " or ".join(dict.fromkeys(kinds))
    if origin is tuple:
        return f"list of {_kind(get_args(annotation)[0])}s"
    if origin is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, SecretPlace):
        return "`{ env = … }` or `{ file = … }`"
    return _SIMPLE.get(annotation, "table")


def renewed(page: str) -> str:
    """The page with its reference as it should be."""
    return page.partition(f"\n{HEADING}\n")[0].rstrip() + "\n\n" + reference()


def _write(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m connectors.onboarding.source_reference PAGE\n")
        return 2
    path = Path(arguments[0])
    write_atomically(path, renewed(path.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(_write(sys.argv[1:]))
