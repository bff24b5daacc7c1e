"""Parts of the page that the template knows how to draw, and how numbers are written in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.report.inputs import Place

NOTHING: Final = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """A table cell: text, a second line for its interval, and a mark (good, bad, even) drawn as a pill."""

    text: str
    range: str = ""
    mark: str = ""
    number: bool = False


@dataclass(frozen=True)
class Head:
    """A column's heading."""

    text: str
    number: bool = False


@dataclass(frozen=True)
class Row:
    """A table row; the first cell is its heading."""

    cells: Sequence[Cell]
    is_main: bool = False


@dataclass(frozen=True)
class Table:
    """A table; `folded` is the text of what opens it."""

    heads: Sequence[Head]
    rows: Sequence[Row]
    caption: str = ""
    folded: str = ""
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """An inline SVG with a caption."""

    svg: str
    caption: str = ""
    kind: str = "figure"


@dataclass(frozen=True)
class VerdictBlock:
    """A decision in words with its reasons; `mark` colours it (good, bad or neither)."""

    text: str
    reasons: Sequence[str]
    mark: str = ""
    kind: str = "verdict"


@dataclass(frozen=True)
class PlaylistBlock:
    """One listener's playlist."""

    listener: str
    recent: str
    places: Sequence[Place]
    kind: str = "playlist"


Block = Table | Figure | VerdictBlock | PlaylistBlock


@dataclass(frozen=True)
class Section:
    """A heading with a sentence and its blocks; `missing` says why there are none."""

    id: str
    title: str
    lead: str = ""
    blocks: Sequence[Block] = field(default_factory=list)
    missing: str = ""


@dataclass(frozen=True)
class Card:
    """One key figure."""

    name: str
    value: str
    more: str = ""


def count(number: int) -> str:
    """Write a count with separators."""
    return f"{number:,}"


def decimal(number: float | None, digits: int = 3) -> str:
    """Write a number with fixed digits, a dash for none."""
    return NOTHING if number is None or math.isnan(number) else f"{number:.{digits}f}"


def span(low: float | None, high: float | None, digits: int = 3) -> str:
    """Write an interval."""
    if low is None or high is None or math.isnan(low):
        return ""
    return f"{low:.{digits}f} to {high:.{digits}f}"


def mean_cell(interval: Interval | None, digits: int = 3) -> Cell:
    """Write a mean with its interval below."""
    if interval is None:
        return Cell(NOTHING, number=True)
    return Cell(decimal(interval.mean, digits), span(interval.low, interval.high, digits), number=True)


def gap_cell(interval: Interval, digits: int = 4) -> Cell:
    """Write a difference with its sign, marked by whether its interval lies on one side of zero."""
    mark = "good" if interval.low > 0 else "bad" if interval.high < 0 else "even"
    return Cell(f"{interval.mean:+.{digits}f}", span(interval.low, interval.high, digits), mark, number=True)


def number_cell(number: int) -> Cell:
    """Write a count."""
    return Cell(count(number), number=True)


def duration(seconds: float) -> str:
    """Write seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
