"""Shares of true reasons are counted by kind, and the bar has both outcomes."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from benchmarks import reasons
from benchmarks.harness import Options
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from tests.recommender import world

NONE, LISTENED, ARTIST, POPULAR = (
    int(kind) for kind in (ReasonKind.NONE, ReasonKind.LISTENED_TRACK, ReasonKind.ARTIST, ReasonKind.POPULAR)
)


def slates_of(kinds: list[list[int]]) -> Slates:
    of = np.array(kinds, np.int8)
    return cast("Slates", SimpleNamespace(rows=np.where(of == NONE, -1, 3), reason_kinds=of))


def test_shares_are_of_places_with_a_reason() -> None:
    made = [slates_of([[ARTIST, LISTENED, NONE]]), slates_of([[ARTIST, POPULAR, LISTENED]])]
    holds = np.array([[True, False, True], [True, True, True]])
    assert reasons.shares(made, holds) == {
        "places": 5,
        "reasons": 5,
        "true": 0.8,
        "listened_track": 2,
        "listened_track_true": 0.5,
        "artist": 2,
        "artist_true": 1.0,
        "popular": 1,
        "popular_true": 1.0,
    }
    nothing = reasons.shares([slates_of([[NONE]])], np.zeros((1, 1), np.bool_))
    assert nothing["reasons"] == 0
    assert np.isnan(nothing["true"])


@pytest.mark.parametrize("are_true", [True, False])
def test_the_bar_is_of_what_rescoring_shows(
    planted_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, are_true: bool
) -> None:
    recommender = Recommender.load(world.copied(planted_world, tmp_path))
    monkeypatch.setattr(reasons, "workspace_of", lambda *_: SimpleNamespace(champion=lambda: None))
    monkeypatch.setattr(reasons.Recommender, "load", lambda _: recommender)
    monkeypatch.setattr(
        reasons, "verify", lambda *given: np.full(given[2].rows.shape, are_true) & (given[2].reason_kinds > 0)
    )
    result = reasons.run(Options(quick=True))
    assert result.figures["listeners"] == world.NUM_USERS
    assert 0 < int(str(result.figures["rescored_reasons"])) <= int(str(result.figures["likely_reasons"]))
    assert (result.bars["rescored_true"].value, result.bars["rescored_true"].holds) == (are_true, are_true)
