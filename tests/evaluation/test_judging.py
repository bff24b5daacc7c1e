"""Peers cannot be replaced unseen by a system of ours that has the same name."""

import pytest

from crossfade.evaluation import judging
from crossfade.evaluation.trial import Trial
from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.schema.settings import default_settings
from tests import builders


def test_equal_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plays = [("u", "a", 1), ("v", "b", 1), ("u", "b", 3), ("v", "a", 5), ("w", "a", 5)]
    day = SECONDS_PER_DAY
    trial = Trial.of(builders.dataset(plays, split=Split(2 * day, 4 * day, 6 * day)))
    monkeypatch.setattr(judging, "our_systems", lambda *_: {"ease": None, "two_tower": None})
    with pytest.raises(ValueError, match="Peers need names of their own; ours has ease, too"):
        judging.judge_trial(trial, default_settings(), (5,), (1,), peers=lambda _: {"ease": lambda *_: None})  # type: ignore[arg-type,return-value]
