"""What a report is made of, as plain values; whatever is left empty is left out of the page with a note."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crossfade.evaluation.decision import Decision
from crossfade.evaluation.suite import Suite


@dataclass(frozen=True)
class Volume:
    """Rows of one lake table: in = kept + quarantined + duplicates."""

    table: str
    rows_in: int
    kept: int
    quarantined: int
    duplicates: int


@dataclass(frozen=True)
class Expectation:
    """One expectation of the validation: what was asked of which table, and what was found."""

    table: str
    asked: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Curve:
    """A value for each epoch (or tree) of a training; `chosen` is the place that early stopping kept."""

    title: str
    values: Sequence[float]
    steps: str = "epoch"
    chosen: int | None = None


@dataclass(frozen=True)
class Place:
    """One track of a playlist as people read it."""

    title: str
    artist: str
    source: str
    reason: str


@dataclass(frozen=True)
class Playlist:
    """A listener's playlist: who (a name to show, no id), what they played last, and what is recommended."""

    listener: str
    recent: Sequence[str]
    places: Sequence[Place]


@dataclass(frozen=True)
class Step:
    """What one step of a run took."""

    name: str
    seconds: float
    peak_bytes: int = 0
    status: str = "finished"


@dataclass(frozen=True)
class ReportInputs:
    """Everything that the report shows.

    Args:
        title: Heading of the page.
        facts: Name -> value of what identifies the run: bundle, lake versions, period, code version.
        volumes: Lake tables.
        expectations: Result of the validation.
        curves: Training curves.
        suite: Evaluations.
        decision: The gate's.
        playlists: Samples.
        steps: Timings.
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[Volume] = ()
    expectations: Sequence[Expectation] = ()
    curves: Sequence[Curve] = ()
    suite: Suite | None = None
    decision: Decision | None = None
    playlists: Sequence[Playlist] = ()
    steps: Sequence[Step] = ()
