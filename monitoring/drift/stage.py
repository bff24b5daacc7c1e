"""The step of the drift pipeline, and what `crossfade drift` runs: look, write down, tell."""

from datetime import date
from typing import Final

from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import Settings
from monitoring.drift.report import write
from monitoring.drift.run import Drift, look_for_drift

DRIFTED: Final = "drifted"
QUIET: Final = "quiet"


def find_drift(
    lake: Lake,
    workspace: Workspace,
    settings: Settings,
    *,
    until: date | None = None,
    with_champion: bool = True,
) -> Drift:
    """Look for drift and leave `drift.json` and `drift.html` in the workspace, whole or as they were.

    Args:
        lake: Refreshed.
        workspace: Has the champion.
        settings: Sections `drift`, `lake` and `evaluation`.
        until: First day that is not looked at any more; None looks at all whole days.
        with_champion: Whether the champion's own vectors, features, scores and NDCG are looked at, too.

    Raises:
        NotFoundError: There is no champion, or the lake was not refreshed.
        InputError: The champion learnt from another lake or from too little, or no event has a time.
        MissingExtraError: jinja2, matplotlib or what the champion needs is not installed.
    """
    drift = look_for_drift(lake, workspace, settings, until=until, with_champion=with_champion)
    write(drift, workspace)
    return drift


def outcome(drift: Drift) -> str:
    """Return "drifted" where anything moved on the last day, else "quiet"."""
    return DRIFTED if drift.verdict is not None and drift.verdict.moved else QUIET
