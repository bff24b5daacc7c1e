"""The year of the twin, very small: the loop runs by itself, and what it tells has answers that are known."""

from pathlib import Path

import numpy as np
import pytest

import benchmarks.twin_year
from benchmarks.harness import Options, Progress
from benchmarks.twin_year import SEASON_SIZE, SEASON_TOWNS, WHOLE, _seasons, after_broken, result
from benchmarks.twin_year.plan import ABLATIONS, SEASON, SEASON_POLICY, Ablation, Plan, Size, Trial
from benchmarks.twin_year.telling import (
    OF_PLAYLISTS,
    Told,
    _effective,
    _likeness,
    _note_first,
    _small,
    days_until,
)
from benchmarks.twin_year.year import Loop, Year
from crossfade.twin.farms import FARM_STYLES
from crossfade.twin.spec import TwinSpec
from crossfade.twin.town import Town

SIZE: Size = {"num_users": 20, "num_tracks": 100, "weeks": 2}
TINY = {
    "warm_weeks": 3,
    "trials": (Trial("closer", 1, {"diversity": 0.0}),),
    "settings": (
        "two_tower.epochs=1",
        "two_tower.text_buckets=0",
        "two_tower.max_examples=256",
        "two_tower.hard_negatives=4",
        "ranking.num_trees=5",
        "ranking.max_users=30",
        "sources.candidates=40",
        "sources.per_source=30",
    ),
}


@pytest.mark.slow
@pytest.mark.usefixtures("untraced")
def test_the_loop_trains_offers_and_begins_an_experiment_by_itself(tmp_path: Path) -> None:
    year = Loop(Plan.of(SIZE, 3, **TINY, beside={"same": {}, "alike": {"diversity": 0.0}}), tmp_path).run()
    assert year.did == [(0, "training (first): promoted"), (1, "closer: begin, step 1")]
    assert len(year.told) == 2
    for told in year.told:
        assert told.listeners > 10
        assert 0 < told.affinity < 1
        assert 1 < told.tracks <= 100
    assert sum(told.slate_listens for told in year.told) > 0
    assert len(year.digest) == 16
    # In the first week, before the experiment, everybody was shown what the same policy makes beside it.
    same, alike = year.beside["same"], year.beside["alike"]
    assert [len(same), len(alike)] == [2, 2]
    for name in set(OF_PLAYLISTS) - {"affinity"}:  # tastes have moved when the week is told
        assert same[0][name] == getattr(year.told[0], name)
    assert alike[0]["likeness"] > same[0]["likeness"]


def test_each_ablation_leaves_out_one_thing() -> None:
    small: Size = {"num_users": 30, "num_tracks": 150, "weeks": 3}
    plain = Plan.of(small, 1, **SEASON)
    for name, ablation in ABLATIONS.items():
        left_out = ablation.left_out
        plan = Plan.of(small, 1, **{**SEASON, **left_out})
        changed = [
            field for field in plan.__dataclass_fields__ if getattr(plan, field) != getattr(plain, field)
        ]
        assert changed == list(left_out), name
        if "policy" in left_out:
            assert (
                sum(plan.policy.get(key) != SEASON_POLICY.get(key) for key in {*plan.policy, *SEASON_POLICY})
                == 1
            )
    unfiltered = Plan.of(small, 1, **ABLATIONS["no bot filter"].left_out)
    assert unfiltered.all_settings.bots.loop_plays == 1_000_000
    assert plain.spec.num_days == 9 * 7


@pytest.mark.parametrize(("num_seeds", "num_towns"), [(1, SEASON_TOWNS), (3, 3)])
def test_seasons_are_lived_in_several_towns(
    monkeypatch: pytest.MonkeyPatch, num_seeds: int, num_towns: int
) -> None:
    plans: list[Plan] = []

    def noted(plan: Plan) -> Year:
        plans.append(plan)
        return Year()

    monkeypatch.setattr(benchmarks.twin_year, "lived", noted)
    seasons = _seasons(Options(num_seeds=num_seeds), Progress())
    assert list(seasons) == [WHOLE, "no exploration", "no gate", "no bot filter"]
    assert {len(lives) for lives in seasons.values()} == {num_towns}
    seeds = [plan.spec.seed for plan in plans]
    assert len(set(seeds)) == num_towns
    assert seeds == seeds[:num_towns] * len(seasons)  # each part is missed in the same towns
    asked = [sorted(plan.beside) for plan in plans]
    assert asked == [["no MMR", "no calibration"]] * num_towns + [[]] * (len(plans) - num_towns)


def test_a_season_has_three_farm_accounts_of_each_style() -> None:
    spec = Plan.of(SEASON_SIZE, 1, **SEASON).spec
    assert spec.num_farm_accounts == 3 * len(FARM_STYLES)


def test_figures_have_answers_that_are_known() -> None:
    # The first two of these artists have 0.8 of the whole.
    assert _small(np.array([0.1, 0.5, 0.3, 0.1])).tolist() == [True, False, False, True]
    assert _effective(np.array([1, 1, 2, 2, 3, 3], np.int32)) == pytest.approx(3)
    assert _effective(np.array([4, 4], np.int32)) == pytest.approx(1)
    assert _likeness(np.eye(3, dtype=np.float32)) == pytest.approx(0)
    assert _likeness(np.ones((2, 1), np.float32)) == pytest.approx(1)
    assert np.isnan(_likeness(np.ones((1, 1), np.float32)))
    first = np.full(4, -1, np.int64)
    _note_first(first, np.array([2, 0, 2], np.int32), np.array([9, 5, 7]))
    _note_first(first, np.array([2, 3], np.int32), np.array([1, 8]))
    assert first.tolist() == [5, -1, 7, 8]


def test_new_tracks_wait_until_they_are_heard() -> None:
    town = Town(TwinSpec(num_users=5, num_tracks=200, num_days=70))
    new = (town.music.release_days >= 10) & (town.music.release_days < 60)
    assert new.sum() >= 3
    heard = np.where(new, town.music.release_days + 4, -1).astype(np.int64)
    assert days_until(town, heard, 10, 60) == (4.0, 0.0)
    heard[np.flatnonzero(new)[0]] = -1
    assert days_until(town, heard, 10, 60) == (4.0, pytest.approx(1 / new.sum()))
    assert all(np.isnan(days_until(town, heard, 60, 60)))


def test_the_table_sets_each_season_beside_the_whole_one() -> None:
    def year(saves: float, did: str, last: float) -> Year:
        told = [
            Told(10, 20.0, saves, 5.0, 0.2, 0.1, affinity, 0.5, 0.3, 0.2, 0.4, 0.01, n, 50.0, 7.0)
            for n, affinity in ((8.0, 0.9), (4.0, last))
        ]
        beside = {
            "no MMR": [{"likeness": 0.3}] * 2,
            "no calibration": [{"mix_distance": 0.2}, {"mix_distance": 0.3}],
        }
        return Year(told, [(0, did), (1, "broken training (time): x")], "abc", (3.0, 0.1), (9.0, 0.5), beside)

    whole = year(2.0, "training (time): promote, promoted", 0.8)
    seasons = {name: [whole] for name in (WHOLE, "no exploration", "no gate", "no bot filter")}
    seasons["no gate"] = [year(1.0, "closer: roll back, step 2", 0.6)]
    found = result([whole], "abc", seasons)
    assert found.bars["same_digest_again"].holds
    assert not result([whole], "other", {}).bars["same_digest_again"].holds
    assert (found.figures["everything, saves"], found.figures["no gate, saves"]) == (2.0, 1.0)
    assert found.figures["year, promoted_by_gate"] == 1
    assert found.figures["no gate, experiments_rolled_back"] == 1
    assert found.figures["year, experiments_promoted"] == 0  # a training was, not an experiment
    assert not found.bars["year, experiments_promoted"].holds
    assert (found.figures["year, tracks_first_quarter"], found.figures["year, tracks_last_quarter"]) == (8, 4)
    lost = found.bars["no gate, affinity_after_broken lost"]
    assert lost.value == pytest.approx(0.25)  # 0.8 without the broken training, 0.6 with it
    assert lost.holds
    assert not found.bars["no MMR, likeness lost"].holds  # nothing changed
    beside = found.bars["no calibration, mix_distance lost"]
    assert beside.value == pytest.approx(0.25)  # 0.2 as shown, 0.25 as made beside it
    assert "no gate, affinity_after_broken lost by town: 25.0%" in found.notes
    head = next(line for line in found.notes if line.startswith(" "))
    assert head.split()[:3] == ["everything", "no", "exploration"]


def test_a_figure_that_should_be_low_is_lost_when_it_is_high() -> None:
    assert Ablation({}, "likeness", is_better_high=False).loss(0.4, 0.5) == pytest.approx(0.25)
    assert Ablation({}, "affinity", is_better_high=True).loss(0.4, 0.5) == pytest.approx(-0.25)
    told = Year([], [(0, "training (first): promoted")])
    assert np.isnan(after_broken(told))
