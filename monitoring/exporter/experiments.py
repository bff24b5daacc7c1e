"""What the rollouts of a directory say of their experiments, as metrics: read from histories, which every step adds to."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from crossfade.experiments.decision import Action
from crossfade.experiments.history import HISTORY, History, Line, Phase
from crossfade.schema.metrics import (
    EXPERIMENT_BEGAN,
    EXPERIMENT_ENDED,
    EXPERIMENT_GUARDRAIL,
    EXPERIMENT_LOOKED,
    EXPERIMENT_SAMPLE_RATIO,
    EXPERIMENT_USERS,
    Recorder,
)

SHOWN: Final = timedelta(days=7)  # after its end; then its series go, so that their number stays bounded
LEAST_P_VALUE: Final = 1e-300  # its logarithm is finite


def record_experiments(rollout: Path, recorder: Recorder, now: datetime) -> None:
    """Record every experiment that runs, or ended lately.

    Args:
        rollout: Directory of objects and histories; one that is not there has none.
        recorder: Is told.
        now: UTC.

    Raises:
        IntegrityError: A history is damaged.
    """
    for path in sorted((rollout / HISTORY).glob("*.jsonl")):
        lines = [line for line in History(path).lines() if line.phase is Phase.BEGUN]
        if lines and not _is_over(lines[-1], now):
            _record(path.stem, lines, recorder)


def _is_over(last: Line, now: datetime) -> bool:
    return _ends(last) and now - datetime.fromisoformat(last.time) > SHOWN


def _ends(line: Line) -> bool:
    return line.action in (Action.PROMOTE, Action.ROLL_BACK)


def _record(name: str, lines: Sequence[Line], recorder: Recorder) -> None:
    first, last = lines[0], lines[-1]
    # Alarms and people write down no figures, and only ever roll back.
    looks = [line for line in lines if line.seen or line.action != Action.ROLL_BACK]
    recorder.record(EXPERIMENT_BEGAN, _seconds(first), experiment=name)
    if looks:
        recorder.record(EXPERIMENT_LOOKED, _seconds(looks[-1]), experiment=name)
        _record_look(name, looks[-1].seen, recorder)
    if _ends(last):
        recorder.record(EXPERIMENT_ENDED, _seconds(last), experiment=name, action=last.action)


def _record_look(name: str, seen: Any, recorder: Recorder) -> None:
    """Record what a decision was made from; nothing where it was only begun, or nobody was shown it yet."""
    for variant, users in seen.get("users", {}).items():
        recorder.record(EXPERIMENT_USERS, users, experiment=name, variant=variant)
    for guardrail, strains in seen.get("strains", {}).items():
        for variant, strain in strains.items():
            labels = {"experiment": name, "variant": variant, "guardrail": guardrail}
            recorder.record(EXPERIMENT_GUARDRAIL, strain, **labels)
    if told := seen.get("sample_ratio"):
        chance = max(told["p_value"], LEAST_P_VALUE)
        recorder.record(EXPERIMENT_SAMPLE_RATIO, math.log(chance) / math.log(told["alpha"]), experiment=name)


def _seconds(line: Line) -> float:
    return datetime.fromisoformat(line.time).timestamp()
