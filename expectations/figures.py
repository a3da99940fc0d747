"""Figures as Vietnamese readers write them, and small drawings of them."""

from collections.abc import Sequence
from datetime import date, datetime
from math import floor

from common.values import VIETNAM

_WIDTH, _HEIGHT, _MARGIN = 88.0, 22.0, 3.0


def number(value: float | None) -> str:
    """`1234567` → `1.234.567`; nothing known → `–`."""
    return "–" if value is None else f"{value:,.0f}".replace(",", ".")


def percent(part: float, whole: float) -> str:
    """The share of `whole`, to one decimal: `12,5 %`."""
    return f"{100 * part / whole:.1f} %".replace(".", ",") if whole else "–"


def share(value: float | None) -> str:
    """`0.99912` → `0,9991`, never rounded up to a whole that it is not; nothing known → `–`."""
    return "–" if value is None else f"{floor(value * 10_000 + 1e-6) / 10_000:.4f}".replace(".", ",")


def seconds(value: float | None) -> str:
    """`75.4` → `1 ph 15 s`; `2.31` → `2,3 s`."""
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.1f} s".replace(".", ",")
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} ph {rest:02d} s"


def day(value: date | None) -> str:
    return "–" if value is None else value.strftime("%d/%m/%Y")


def moment(value: datetime | None) -> str:
    """In Vietnamese time, to the minute."""
    return "–" if value is None else value.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")


def sparkline(values: Sequence[float]) -> str:
    """Points of an SVG polyline in a box of 88 × 22; a single value is a flat line. The scale begins at zero."""
    points = list(values) * 2 if len(values) == 1 else list(values)
    if not points:
        return ""
    top = max(*points, 1)
    step = (_WIDTH - 2 * _MARGIN) / (len(points) - 1)
    return " ".join(
        f"{_MARGIN + position * step:.1f},{_HEIGHT - _MARGIN - value / top * (_HEIGHT - 2 * _MARGIN):.1f}"
        for position, value in enumerate(points)
    )
