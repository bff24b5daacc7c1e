"""A small installation whose champion has learnt, and whose listening has drifted since; and the ways to poison its lake."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.drift.planting import new_genre
from benchmarks.harness import run_measured
from benchmarks.monitoring_servers import ROOT
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.tables import EventType
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

# What a listener's machine runs; the script of the same name would be that of another checkout.
CROSSFADE: Final = (sys.executable, "-c", "import sys; from crossfade.cli.main import main; sys.exit(main())")
SET: Final = (
    "privacy.pseudonymise=false", "drift.reference_weeks=4", "drift.groups=3", "two_tower.epochs=2",
    "two_tower.dim=16", "index.backend=exact", "ranking.num_trees=40", "evaluation.bootstrap_samples=100",
)  # fmt: skip
KNOWN_DAYS: Final = 42  # that the first champion learns from
DRIFT_SHARE: Final = (
    0.3  # of all plays since are of a genre that nobody knew: few listeners differ much from day to day
)
GARBAGE_SHARE: Final = 0.5  # of the drifted events comes once more, as no player can have sent it
SAVES: Final = 60  # that nobody made, for each listener

Poison = Callable[[pa.Table, np.random.Generator], pa.Table]  # of the drifted events


@dataclass(frozen=True)
class Installation:
    """Lake and workspace in a folder.

    Args:
        folder: Of both.
        spec: Of the simulated listeners.
    """

    folder: Path
    spec: TwinSpec

    @property
    def lake(self) -> Path:
        """Where the lake is."""
        return self.folder / "lake"

    @property
    def workspace(self) -> Workspace:
        """Its workspace, as it stands now."""
        return Workspace.open(self.folder / "workspace")

    def crossfade(self, *words: str) -> str:
        """Run a command on it and return what it printed.

        Raises:
            CrossfadeError: It failed; shows the end of its output.
        """
        places = ["--lake", str(self.lake)]
        if words[0] in ("run", "drift"):
            places += ["--workspace", str(self.folder / "workspace")]
        changes = [part for each in SET for part in ("--set", each)]
        found = run_measured([*CROSSFADE, *words, *places, *changes], ROOT)
        if found.exit_code:
            raise CrossfadeError(
                f"crossfade {' '.join(words)} ended with {found.exit_code}: {found.output[-2000:]}"
            )
        return found.output

    def imported(self, source: str, table: pa.Table, *options: str) -> None:
        """Import a table, with more options of `crossfade import`."""
        path = self.folder / f"{source}.parquet"
        pq.write_table(table, path)
        self.crossfade("import", source, str(path), *options)

    def copied(self, folder: Path) -> "Installation":
        """Return one of its own with the same content."""
        shutil.copytree(self.folder, folder)
        return Installation(folder, self.spec)

    def failed_step(self) -> str | None:
        """Return the step at which the newest training failed, None if it did not."""
        runs = sorted(self.workspace.runs.glob("training-*/timings.json"))
        timings = json.loads(runs[-1].read_text("utf-8")) if runs else []
        return next((timing["step"] for timing in timings if timing["status"] == "failed"), None)


def installed(folder: Path, spec: TwinSpec) -> Installation:
    """Train a champion on the first weeks, import the later ones with drift, and look for it."""
    made = Installation(folder, spec)
    twin = simulate(spec)
    known = pc.less(days_of(twin.events), KNOWN_DAYS)
    made.imported("catalogue", twin.tracks)
    made.imported("events", twin.events.filter(known))
    made.crossfade("run", "training")
    random = np.random.default_rng(spec.seed)
    drifted, tracks = new_genre(twin.events.filter(pc.invert(known)), twin.tracks, random, DRIFT_SHARE)
    made.imported("catalogue", tracks.slice(len(twin.tracks)))
    made.imported("events", drifted)
    made.crossfade("lake", "refresh")
    made.crossfade("drift", "--listening-only")
    return made


def days_of(events: pa.Table) -> pa.Array:
    """Return the day of each event, from 0."""
    days = events.column(c.TIMESTAMP).combine_chunks().cast(pa.date32()).cast(pa.int32())
    return pc.subtract(days, pc.min(days))


def garbage(events: pa.Table, random: np.random.Generator) -> pa.Table:
    """Return events that importing refuses: plays of a negative length. Too many of them make a lake invalid."""
    chosen = random.choice(len(events), int(GARBAGE_SHARE * len(events)), replace=False)
    rows = events.take(pa.array(chosen))
    nothing = pa.array(np.full(len(rows), -1), rows.schema.field(c.PLAYED_MS).type)
    rows = rows.set_column(rows.schema.get_field_index(c.PLAYED_MS), c.PLAYED_MS, nothing)
    return _named(rows, "garbage")


def made_up_saves(events: pa.Table, random: np.random.Generator) -> pa.Table:
    """Return saves that nobody made: each listener keeps tracks drawn at random, on days before these events.

    Every row is sound, so that validation passes; what is learnt from them is worth little.
    """
    listeners = pc.unique(events.column(c.USER_ID)).to_numpy(zero_copy_only=False)
    known = pc.unique(events.column(c.TRACK_ID)).to_numpy(zero_copy_only=False)
    number = SAVES * len(listeners)
    first = np.datetime64(pc.min(events.column(c.TIMESTAMP)).as_py().replace(tzinfo=None), "us")
    before = random.integers(1, 86_400 * KNOWN_DAYS, size=number).astype("timedelta64[s]")
    rows = {
        c.EVENT_TYPE: np.full(number, str(EventType.SAVE)),
        c.USER_ID: np.repeat(listeners, SAVES),
        c.TRACK_ID: random.choice(known, number),
        c.TIMESTAMP: pa.array(first - before, pa.timestamp("us", "UTC")),
    }
    return _named(pa.table(rows), "made-up")


def _named(rows: pa.Table, prefix: str) -> pa.Table:
    """Give each event an id of its own."""
    if c.EVENT_ID in rows.column_names:
        rows = rows.drop_columns(c.EVENT_ID)
    return rows.append_column(c.EVENT_ID, pa.array([f"{prefix}-{place}" for place in range(len(rows))]))


POISONS: Final[Sequence[tuple[str, Poison]]] = (("garbage", garbage), ("made_up_saves", made_up_saves))
