"""Silver and gold of millions of listens against a DuckDB script by hand, and what validation adds to silver."""

import json
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow.parquet as pq

from benchmarks.harness import Bar, Options, Result, Run, median_and_spread, run_measured
from benchmarks.lake.script import BOTS, MADE
from benchmarks.lake.world import lake_of
from crossfade.lake.lake import BRONZE, GOLD, SILVER, Lake
from crossfade.schema.settings import default_settings

READS: Final = ("num_listens",)
LISTENS: Final = 20_000_000
QUICK_LISTENS: Final = 1_000_000
MOST_OVER_SCRIPT: Final = 2.0
MOST_PEAK_GIB: Final = 8.0
MOST_VALIDATION_SHARE: Final = 0.2
GIB: Final = 1024**3
Sides = Mapping[str, Callable[[], Run]]


def run(options: Options) -> Result:
    """Refresh a lake and run the script in turn, each as a process of its own; both must have made the same rows."""
    listens = options.num_listens or (QUICK_LISTENS if options.quick else LISTENS)
    repeats = 1 if options.quick else 3
    with TemporaryDirectory() as folder:
        lake = lake_of(Path(folder), listens, default_settings())
        out = Path(folder) / "script"
        out.mkdir()
        sides = {"refresh": lambda: _refreshed(lake), "script": lambda: _scripted(lake, out)}
        runs = _in_turn(sides, repeats)
        _require_equal(lake, out)
        validation = _ran("-m", "benchmarks.lake.validation", str(lake.path))
        events = lake.num_rows(BRONZE, "events")
    seconds = _seconds(runs["refresh"])
    return _result(runs, seconds, float(validation.output.splitlines()[-1]), events, quick=options.quick)


def _ran(*command: str) -> Run:
    found = run_measured([sys.executable, *command])
    assert found.exit_code == 0, found.output
    return found


def _refreshed(lake: Lake) -> Run:
    _forget(lake)
    return _ran("-m", "benchmarks.lake.refreshing", str(lake.path))


def _scripted(lake: Lake, out: Path) -> Run:
    return _ran("-m", "benchmarks.lake.script", str(lake.path), str(out))


def _forget(lake: Lake) -> None:
    for layer in (SILVER, GOLD):
        shutil.rmtree(lake.path / layer, ignore_errors=True)


def _in_turn(sides: Sides, repeats: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            runs[name].append(side())
    return runs


def _require_equal(lake: Lake, out: Path) -> None:
    """Compare number and hash of the rows of every table that both sides made, by the script's columns."""
    for table in MADE:
        made = out / f"{table.replace('/', '-')}.parquet"
        columns = pq.read_schema(made).names
        layer, _, name = table.partition("/")
        ours, theirs = digest(lake.files(layer, name), columns), digest([made], columns)
        assert ours == theirs, f"{table}: {ours} by refresh, {theirs} by script"


def digest(files: list[Path], columns: Sequence[str] = ()) -> tuple[int, int]:
    """Return number and hash of the rows of Parquet files, whatever the order of rows and columns.

    Args:
        files: Of one table; none has no rows.
        columns: That are looked at; none means all.
    """
    if not files:
        return 0, 0
    rows = duckdb.connect().read_parquet([str(file) for file in files], union_by_name=True)
    listed = ", ".join(sorted(f'"{name}"' for name in columns or rows.columns))
    number, total = rows.aggregate(f"count(*), sum(hash({listed}))").fetchone() or (0, 0)
    return int(number), int(total or 0)


def _seconds(runs: list[Run]) -> dict[str, float]:
    """Return the median seconds of each table, as the runs of `benchmarks.lake.refreshing` printed them."""
    told = [json.loads(run.output.splitlines()[-1]) for run in runs]
    return {table: statistics.median(each[table] for each in told) for table in told[0]}


def _result(
    runs: Mapping[str, list[Run]],
    seconds: Mapping[str, float],
    validation_seconds: float,
    events: int,
    *,
    quick: bool,
) -> Result:
    taken = {name: median_and_spread([each.seconds for each in found]) for name, found in runs.items()}
    peaks = {name: max(each.peak_bytes for each in found) / GIB for name, found in runs.items()}
    silver = sum(each for table, each in seconds.items() if table.startswith(SILVER))
    over = taken["refresh"][0] / taken["script"][0]
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "events": events,
        "runs": len(runs["refresh"]),
    }
    for name in runs:
        figures[f"{name}_seconds"] = round(taken[name][0], 1)
        figures[f"{name}_spread_seconds"] = round(taken[name][1], 1)
        figures[f"{name}_cpu_seconds"] = round(statistics.median(each.cpu_seconds for each in runs[name]), 1)
        figures[f"{name}_peak_gib"] = round(peaks[name], 2)
    figures |= {
        "refresh_over_script": round(over, 2),
        "bots_seconds": round(seconds[BOTS], 1),
        "silver_seconds": round(silver, 1),
        "validation_seconds": round(validation_seconds, 1),
        "validation_share_of_silver": round(validation_seconds / silver, 3),
    }
    bars = {
        "refresh_over_script": Bar(over, at_most=MOST_OVER_SCRIPT),
        "refresh_peak_gib": Bar(peaks["refresh"], at_most=MOST_PEAK_GIB),
        "validation_share_of_silver": Bar(validation_seconds / silver, at_most=MOST_VALIDATION_SHARE),
    }
    notes = [
        "A refresh, the search for bots included, in turn with a script by hand that is given who is a bot; each",
        "is a process of its own, and every table equal by number and hash of its rows. Validation is timed without its imports.",
        "",
    ]
    notes += [f"{table:<24}{each:8.1f} s" for table, each in seconds.items()]
    return Result(figures, bars, notes)
