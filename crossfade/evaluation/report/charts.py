"""Charts of the report as inline SVG: text stays text, equal inputs give equal bytes."""

import io
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from crossfade.evaluation.bootstrap import Interval
from crossfade.schema.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1c2430"
QUIET: Final = "#66707f"
RULE: Final = "#e3e7ed"
ACCENT: Final = "#3454d1"
OTHER: Final = "#9aa5b5"
SECOND: Final = "#e08e2b"

# What would clash with other charts of the page: names of groups, a style for every element, empty metadata.
PAGE_WIDE: Final = re.compile(
    r' id="(?:[a-z0-9]+_\d+|matplotlib\.axis_\d+)"|<metadata>.*?</metadata>|<style.*?</style>', re.DOTALL
)

STYLE: Final = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.fonttype": "none",
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


class Point(NamedTuple):
    """One row of an interval chart."""

    label: str
    interval: Interval
    is_main: bool


def intervals_chart(panels: Sequence[tuple[str, Sequence[Point]]], description: str) -> str:
    """Draw means with their intervals, one panel for each metric, systems down the side (shared)."""
    rows = max(len(points) for _, points in panels)
    figure, axes = _figure(len(panels), 9.6, 0.36 * rows + 0.8)
    for place, (axis, (title, points)) in enumerate(zip(axes, panels, strict=True)):
        _title(axis, title)
        axis.locator_params(axis="x", nbins=5)
        axis.grid(axis="x")
        for height, point in enumerate(reversed(points)):
            _interval(axis, height, point)
        axis.set_ylim(-0.6, rows - 0.4)
        axis.set_xlim(left=0)
        axis.set_yticks(
            range(len(points)), [p.label for p in reversed(points)] if place == 0 else [""] * len(points)
        )
        axis.spines["left"].set_visible(False)
        axis.margins(x=0.12)
    return _svg(figure, description)


def _interval(axis: "Axes", height: float, point: Point) -> None:
    colour = ACCENT if point.is_main else OTHER
    mean, low, high = point.interval
    axis.plot([low, high], [height, height], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
    axis.plot([mean], [height], "o", color=colour, markersize=7)


class EffectCurve(NamedTuple):
    """A treatment's effect at each look: days since the step began, estimates and ends of intervals in percent."""

    name: str
    days: Sequence[float]
    estimates: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


class EffectPanel(NamedTuple):
    """One metric's curves, and what must not be passed."""

    title: str
    curves: Sequence[EffectCurve]
    bound: float | None


def effects_chart(panels: Sequence[EffectPanel], description: str, *, time: str = "days of this step") -> str:
    """Draw effects over time as small multiples, each with its interval as a band and a line at no effect."""
    rows = -(-len(panels) // 2)
    figure, axes = _figure(2, 9.6, 2.6 * rows, rows=rows)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(axes, panels, strict=False):
        _title(axis, panel.title)
        axis.axhline(0, color=OTHER, linewidth=1)
        if panel.bound is not None:
            axis.axhline(panel.bound, color=SECOND, linewidth=1.5, linestyle="--")
        for colour, curve in zip((ACCENT, INK, OTHER), panel.curves, strict=False):
            axis.fill_between(curve.days, curve.lows, curve.highs, color=colour, alpha=0.18, linewidth=0)
            axis.errorbar(
                curve.days[-1:],
                curve.estimates[-1:],
                [[curve.estimates[-1] - curve.lows[-1]], [curve.highs[-1] - curve.estimates[-1]]],
                color=colour,
                capsize=3,
            )
            axis.plot(curve.days, curve.estimates, "o-", color=colour, markersize=4, label=curve.name)
        axis.set_xlim(left=0)
        axis.set_xlabel(time)
        axis.tick_params(axis="y", colors=QUIET)
        axis.grid(axis="y")
    return _svg(figure, description)


def cohorts_chart(
    cohorts: Sequence[str],
    series: Sequence[tuple[str, Sequence[Interval]]],
    description: str,
    *,
    from_zero: bool = True,
) -> str:
    """Draw one metric by cohort, several systems side by side; the first series is the main one.

    Args:
        cohorts: Their names.
        series: Name -> interval of each cohort.
        description: For who cannot see it.
        from_zero: The metric cannot be below 0; False draws a line there.
    """
    figure, (axis,) = _figure(1, 9.6, 0.42 * len(cohorts) + 1.0)
    colours = [ACCENT, SECOND, OTHER]
    for place, (name, values) in enumerate(series):
        offset = (len(series) - 1) / 2 - place
        for height, (mean, low, high) in enumerate(reversed(values)):
            at = height + 0.22 * offset
            axis.plot(
                [low, high], [at, at], color=colours[place], linewidth=2.5, alpha=0.4, solid_capstyle="round"
            )
            axis.plot(
                [mean], [at], "o", color=colours[place], markersize=5.5, label=name if height == 0 else None
            )
    axis.set_yticks(range(len(cohorts)), list(reversed(cohorts)))
    axis.set_ylim(-0.6, len(cohorts) - 0.4)
    if from_zero:
        axis.set_xlim(left=0)
    else:
        axis.axvline(0, color=OTHER, linewidth=1)
    axis.grid(axis="x")
    axis.spines["left"].set_visible(False)
    _legend(axis)
    return _svg(figure, description)


def spread_chart(
    labels: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], description: str
) -> str:
    """Draw shares over bins as grouped bars: how listening and recommending spread over popularity."""
    figure, (axis,) = _figure(1, 9.6, 3.2)
    colours = [ACCENT, SECOND, OTHER]
    width = 0.8 / max(len(series), 1)
    for place, (name, shares) in enumerate(series):
        left = [b - 0.4 + width * (place + 0.5) for b in range(len(shares))]
        axis.bar(left, [100 * share for share in shares], width * 0.92, color=colours[place], label=name)
    axis.set_xticks(range(len(labels)), list(labels))
    axis.set_xlabel("listeners of the track before the test period")
    axis.set_ylabel("share, %")
    axis.tick_params(axis="y", colors=QUIET)
    axis.grid(axis="y")
    axis.spines["left"].set_visible(False)
    _legend(axis)
    return _svg(figure, description)


def curves_chart(curves: Sequence[tuple[str, Sequence[float], str, int | None]], description: str) -> str:
    """Draw training curves as small multiples: title, values, name of the steps, the chosen one (from 0)."""
    figure, axes = _figure(min(len(curves), 3), 9.6, 2.5 * -(-len(curves) // 3), rows=-(-len(curves) // 3))
    for axis in axes[len(curves) :]:
        axis.set_visible(False)
    for axis, (title, values, steps, chosen) in zip(axes, curves, strict=False):
        _title(axis, title)
        axis.plot(
            range(1, len(values) + 1),
            values,
            color=ACCENT,
            linewidth=2,
            marker="o",
            markersize=_marker(values),
        )
        if chosen is not None and chosen < len(values):
            axis.plot([chosen + 1], [values[chosen]], "o", color=SECOND, markersize=8)
        axis.set_xlabel(steps)
        axis.tick_params(axis="y", colors=QUIET)
        axis.grid(axis="y")
        axis.locator_params(axis="x", integer=True, nbins=6)
    return _svg(figure, description)


def _marker(values: Sequence[float]) -> float:
    return 4.0 if len(values) <= 25 else 0.0


def strays_chart(
    panels: Sequence[tuple[str, Sequence[float]]], days: Sequence[str], limit: float, description: str
) -> str:
    """Draw how far things strayed day by day, one panel each in two columns, with the limit that must not be passed."""
    rows = -(-len(panels) // 2)
    figure, axes = _figure(2, 9.6, 2.1 * rows, rows=rows)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis, (title, values) in zip(axes, panels, strict=False):
        _title(axis, title)
        axis.plot(range(len(days)), values, color=ACCENT, linewidth=2, marker="o", markersize=4)
        axis.axhline(limit, color=SECOND, linewidth=1.5)
        step = max(1, len(days) // 4)
        axis.set_xticks(range(0, len(days), step), list(days)[::step])
        axis.tick_params(axis="y", colors=QUIET)
        axis.grid(axis="y")
    return _svg(figure, description)


def bars_chart(bars: Sequence[tuple[str, float, str]], description: str) -> str:
    """Draw horizontal bars: label, length, text at the end."""
    figure, (axis,) = _figure(1, 9.6, 0.34 * len(bars) + 0.3)
    longest = max((length for _, length, _ in bars), default=0) or 1
    for height, (_, length, text) in enumerate(reversed(bars)):
        axis.barh(height, length, 0.62, color=ACCENT)
        axis.text(length + longest * 0.012, height, text, va="center", color=QUIET, fontsize=9.5)
    axis.set_yticks(range(len(bars)), [name for name, _, _ in reversed(bars)])
    axis.set_xlim(0, longest * 1.16)
    axis.xaxis.set_visible(False)
    axis.spines[["left", "bottom"]].set_visible(False)
    return _svg(figure, description)


def _figure(columns: int, width: float, height: float, rows: int = 1) -> "tuple[Figure, list[Axes]]":
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def _title(axis: "Axes", text: str) -> None:
    axis.set_title(text, loc="left", pad=10, color=INK, fontsize=10.5, fontweight="bold")


def _legend(axis: "Axes") -> None:
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        labelcolor=INK,
        borderaxespad=0.2,
        handletextpad=0.5,
    )


def _svg(figure: Any, description: str) -> str:
    """Return the figure as an SVG element with an accessible name, fit to stand beside others on one page."""
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": description}):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    text = PAGE_WIDE.sub("", text[text.index("<svg") :]).replace("'DejaVu Sans'", "inherit").strip()
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
