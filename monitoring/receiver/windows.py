"""What the last look for drift said of an alert's measure: for whom it moved, since when, and what it was held against."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from monitoring.receiver.webhook import Alert

MEASURE: Final = "measure"
MOST: Final = 3  # groups that are named


def with_windows(alerts: Sequence[Alert], figures: Path) -> list[Alert]:
    """Return alerts that say in which window their measure moved, where the last look for drift tells.

    Args:
        alerts: Of one message.
        figures: `drift.json` of the workspace; nothing is added where there is none, or a damaged one.
    """
    if not any(MEASURE in alert.labels for alert in alerts):
        return list(alerts)
    try:
        drift = json.loads(figures.read_text("utf-8"))
        return [alert.moved_in(_window(alert.labels.get(MEASURE, ""), drift)) for alert in alerts]
    except (OSError, ValueError, KeyError, TypeError):
        return list(alerts)


def _window(measure: str, drift: Any) -> str:
    verdict = drift["verdict"] or {"moved": []}
    moved = [each for each in verdict["moved"] if each["measure"] == measure]
    if not moved:
        return ""
    groups = ", ".join(f"of {each['group']} since {each['since']}" for each in moved[:MOST])
    first, last = drift["reference"]
    return f"{measure} {groups} until {verdict['days'][-1]}, held against {first} to {last}"
