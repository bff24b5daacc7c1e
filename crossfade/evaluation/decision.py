"""What the gate decided and every comparison behind it, as a table that people and pipelines read."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from crossfade.evaluation.json_files import read_json, write_json


class Outcome(StrEnum):
    """What becomes of the challenger."""

    PROMOTE = "promote"
    REFUSE = "refuse"
    UNCHANGED = "unchanged"


class Verdict(StrEnum):
    """What one comparison says; only `worse` and `missing` refuse."""

    HOLDS = "holds"
    WORSE = "worse"
    CHANCE = "worse, within chance"
    SMALL = "too few users"
    MISSING = "missing"
    UNDEFINED = "not defined"


@dataclass(frozen=True)
class Check:
    """One metric in one cohort: challenger against reference on the same users.

    Args:
        metric: Name of the metric; its direction stands in the name.
        cohort: `all`, a group of users, or a group of tracks for `recall_<group>`.
        users: Users for whom both sides are defined.
        verdict: See `Verdict`.
        challenger: Mean of the challenger, None when missing.
        reference: Mean of the champion (for a first model: of popularity, or the recall to reach).
        difference: Mean of challenger minus reference, user by user.
        low: Lower end of the paired bootstrap interval of the difference.
        high: Its upper end.
        margin: How much worse the challenger may be, in the metric's own unit.
    """

    metric: str
    cohort: str
    users: int
    verdict: Verdict
    challenger: float | None = None
    reference: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float = 0.0

    @property
    def refuses(self) -> bool:
        """Whether this comparison alone refuses the challenger."""
        return self.verdict in (Verdict.WORSE, Verdict.MISSING)


@dataclass(frozen=True)
class Decision:
    """The gate's outcome.

    Args:
        outcome: See `Outcome`.
        reasons: Sentences that say why, for people.
        checks: Every comparison made.
        challenger: Bundle digest.
        champion: Digest of the bundle that it was compared with, empty when there was none.
        reigning: Digest of the champion for which that bundle stands, empty when there was no champion yet.
    """

    outcome: Outcome
    reasons: list[str]
    checks: list[Check]
    challenger: str
    champion: str
    reigning: str = ""

    def save(self, path: Path) -> None:
        """Write the decision as JSON."""
        write_json(asdict(self), path)

    @classmethod
    def load(cls, path: Path) -> "Decision":
        """Read what `save` wrote."""
        about = read_json(path)
        checks = [Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in about.pop("checks")]
        return cls(**{**about, "outcome": Outcome(about["outcome"]), "checks": checks})
