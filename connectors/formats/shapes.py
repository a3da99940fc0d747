"""Flat XML records read by their shape: programs write thousands of records with the same elements in the same order.

The first record of a shape is parsed; a regular expression made of it then takes the others apart in one step, and takes
nothing that is not exactly so: whatever differs (another element, an entity, a comment, CDATA, an attribute, a control
character) does not match and is parsed.
"""

import re
from collections.abc import Sequence

_KEPT = 16
_TEXT = r"[^<&\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]*"
_GAP = r"[ \t\r\n]*"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_HEAD = re.compile(
    rf"\ufeff?(?:<\?xml version=[\"']1\.0[\"'](?: encoding=[\"'](?i:utf-8)[\"'])?(?: standalone=[\"']\w+[\"'])?{_GAP}\?>)?{_GAP}"
)

Columns = tuple[str, ...]


class Shapes:
    """The shapes met so far, the one met last first."""

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[str], Columns]] = []

    def read(self, document: bytes) -> tuple[Columns, list[str | None]] | None:
        """The columns and texts of a record of a known shape; None for any other document."""
        if not self._known:
            return None
        try:
            text = document.decode("utf-8")
        except UnicodeDecodeError:
            return None
        head = _HEAD.match(text)
        assert head is not None
        for place, (pattern, columns) in enumerate(self._known):
            found = pattern.fullmatch(text, head.end())
            if found is not None:
                if place:
                    self._known.insert(0, self._known.pop(place))
                return columns, list(found.groups())
        return None

    def learn(self, root: str, tags: Sequence[str], columns: Columns) -> None:
        """Remember a flat record: its root, its elements in order (as written), and what their columns are called."""
        if not tags or not all(map(_NAME.fullmatch, (root, *tags))):
            return
        fields = _GAP.join(
            rf"(?:<{re.escape(tag)}>({_TEXT})</{re.escape(tag)}>|<{re.escape(tag)}{_GAP}/>)" for tag in tags
        )
        pattern = re.compile(rf"<{re.escape(root)}>{_GAP}{fields}{_GAP}</{re.escape(root)}>{_GAP}")
        self._known.insert(0, (pattern, columns))
        del self._known[_KEPT:]
