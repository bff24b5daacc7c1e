"""The yardstick as one table for people."""

from collections.abc import Iterator
from typing import Final

from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.suite import label
from crossfade.evaluation.yardstick import METRICS, Yardstick, at

CELL: Final = 26


def table(yardstick: Yardstick, subject: str) -> list[str]:
    """Return a line for each system and list length, and how the subject compares with the best peer."""
    num_users = len(next(iter(yardstick.systems.values()))[yardstick.headline])
    percent = round(100 * yardstick.resampling.confidence)
    num_seeds = max(map(len, yardstick.runs.values()))
    spread = f"; ± is the standard deviation over {num_seeds} seeds" if num_seeds > 1 else ""
    lines = [f"{num_users:,} test users; means with {percent} % bootstrap intervals{spread}.", ""]
    width = max(len(label(name)) for name in yardstick.systems) + 2
    for k in yardstick.ks:
        cell = CELL + (9 if num_seeds > 1 else 0)
        lines.append((" " * width + "".join(f"{at(metric, k):<{cell}}" for metric in METRICS)).rstrip())
        for name in yardstick.systems:
            cells = "".join(f"{_cell(yardstick, name, at(metric, k)):<{cell}}" for metric in METRICS)
            lines.append(f"{label(name):<{width}}{cells}".rstrip())
        lines.append("")
    return [*lines, *_comparisons(yardstick, subject)]


def _cell(yardstick: Yardstick, name: str, metric: str) -> str:
    spread = yardstick.spread(name, metric)
    more = "" if spread is None else f" ±{spread:.4f}"
    return _text(yardstick.summary[name][metric]) + more


def _comparisons(yardstick: Yardstick, subject: str) -> Iterator[str]:
    best = yardstick.best_rival
    yield f"{label(subject)} against the best peer, {label(best)} (paired by user; p by permutation):"
    for metric, found in yardstick.against(subject, best).items():
        yield (
            f"  {metric:<14}difference {_text(found.difference, '+.4f')}, ratio {_text(found.ratio, '.3f')}, "
            f"p = {found.p_value:.4f}"
        )


def _text(interval: Interval, shape: str = ".4f") -> str:
    mean, low, high = (format(value, shape) for value in interval)
    return f"{mean} [{low}, {high}]"
