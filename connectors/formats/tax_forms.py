"""Which item of a tax return holds what: `tax_forms.toml`, one entry for each form and circular."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from connectors.formats import UnreadableFile


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class List(_Frozen):
    """A list of persons that comes with a return."""

    record: str
    items: dict[str, str]


class Form(_Frozen):
    """One version of a form; `items` and `lists` are name → number of the item (`ct16`), element → list."""

    record: str
    circular: str
    in_force_from: date
    names: tuple[str, ...]
    codes: tuple[str, ...]
    items: dict[str, str] = Field(default_factory=dict)
    lists: dict[str, List] = Field(default_factory=dict)

    def is_meant_by(self, title: str, code: str) -> bool:
        return code in self.codes or any(name in title for name in self.names)

    def is_of(self, issued: str) -> bool:
        number, _, year = self.circular.partition("/")
        # `Thông tư số 80/2021/TT-BTC`, `(TT80/2021)`; not the 180/2021 nobody issued.
        return re.search(rf"(?<!\d){number}/{year}(?!\d)", issued) is not None


@cache
def tax_forms() -> tuple[Form, ...]:
    text = files("connectors.formats").joinpath("tax_forms.toml").read_text(encoding="utf-8")
    return tuple(Form.model_validate(each) for each in tomllib.loads(text)["form"])


def form_of(header: Mapping[str, str | None]) -> Form:
    """The form a return was made on, from its `maTKhai`, `tenTKhai` and `moTaBMau`.

    Raises `UnreadableFile` for a form or a version of it that is not listed: the numbering is never guessed.
    """
    code, title, issued = (header.get(name) or "" for name in ("maTKhai", "tenTKhai", "moTaBMau"))
    meant = [form for form in tax_forms() if form.is_meant_by(f"{title} {code}", code)]
    if not meant:
        known = ", ".join(dict.fromkeys(form.record for form in tax_forms()))
        raise UnreadableFile(
            f"the return is of another form (maTKhai {_short(code)}), not one of {known}",
            where="TKhaiThue",
            remedy="narrow `pattern` in the source file to the names of these returns",
        )
    says_a_circular = re.search(r"\d+/20\d\d", f"{issued} {title}") is not None
    found = [form for form in meant if form.is_of(f"{issued} {title}")]
    if not says_a_circular:
        found = [form for form in meant if code in form.codes]
    if len(found) != 1:
        raise UnreadableFile(
            f"this version of {meant[0].record} (maTKhai {_short(code)}, pbanTKhaiXML "
            f"{_short(header.get('pbanTKhaiXML') or '')}) is not known; its numbering cannot be guessed",
            where="TKhaiThue/moTaBMau",
            remedy="take the numbering from the form and add it to connectors/formats/tax_forms.toml",
        )
    return found[0]


def _short(text: str) -> str:
    return re.sub(r"[^\w./-]", "", text)[:20] or "missing"
