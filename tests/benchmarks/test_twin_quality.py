"""Held-out listeners leave nothing behind that a model could learn; figures and bars of the whole list are gathered."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import twin_quality
from benchmarks.harness import Bar, Options, Result
from benchmarks.twin_quality import first_listens as figure
from benchmarks.twin_quality.world import QUICK, WHOLE, without
from crossfade.evaluation.evaluation import Resampling
from tests.evaluation import worlds


def test_held_out_listeners_keep_their_rows_and_nothing_else() -> None:
    world = worlds.letters()
    made = without(world, world.users.ids.rows(["ann", "cat"]))
    assert made.users is world.users
    assert set(made.users.ids.names(made.interactions.user_rows)) == {"bob", "dan"}


def test_twenty_thousand_listeners_are_left() -> None:
    assert round(WHOLE.num_users * 10 / 11) == 20_000
    assert QUICK.num_users < WHOLE.num_users


def test_every_figure_of_the_list_is_told_with_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    world = SimpleNamespace(everybody=SimpleNamespace(users=range(7)))
    monkeypatch.setattr(twin_quality, "make_world", lambda *_, **__: world)
    figures = [
        lambda _, value=value: Result({f"f{value}": value}, {f"f{value}": Bar(value, at_least=1.5)}, ["told"])
        for value in (1, 2)
    ]
    monkeypatch.setattr(twin_quality, "FIGURES", figures)
    found = twin_quality.run(Options(quick=True))
    assert found.figures == {"quick": True, "users": 7, "f1": 1, "f2": 2}
    assert {name: bar.holds for name, bar in found.bars.items()} == {"f1": False, "f2": True}
    assert found.notes == ["told", "", "told", ""]


@pytest.mark.parametrize(("right", "holds"), [("b2", True), ("c1", False)])
def test_first_listens_are_judged_by_the_ratio(
    right: str, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A new listener likes b1, a1 and a2, and then b2. The answers of the whole recommender and of its ranking are planted.
    plays = [("new", track, 11.0 + place) for place, track in enumerate(("b1", "a1", "a2", "b2"))]
    plays += [(user, track, 1.0) for user in ("x", "y") for track in ("c1", "c2")] + [("x", "b2", 2.0)]
    names = ("a1", "a2", "b1", "b2", "c1", "c2")
    world = worlds.dataset(plays, [{"track_id": name, "genres": []} for name in names])
    held_out = world.users.ids.rows(["new"])
    answer = worlds.slates(world, [right, "-", "-"])
    second = worlds.slates(world, ["c1", "b2", "-"])
    monkeypatch.setattr(figure, "whole", lambda *_: worlds.fixed(answer, held_out.tolist()))
    monkeypatch.setattr(figure, "before_policy", lambda *_: worlds.fixed(second, held_out.tolist()))
    known = without(world, held_out).until(worlds.START)
    asked = SimpleNamespace(
        everybody=world,
        known=known,
        held_out=held_out,
        recommender=SimpleNamespace(dataset=known),
        k=3,
        resampling=Resampling(50, 0.95, 1),
    )
    found = figure.first_listens_over_popular(asked)  # type: ignore[arg-type]
    # Popular are c1, c2 and b2, so that its NDCG is 1 / log2(4) = 0.5; the right answer at once has 1.
    ratio = found.figures["first_listens_ndcg_over_popular"]
    assert ratio == pytest.approx(2.0 if holds else 0.0)
    assert found.bars["first_listens_ndcg_over_popular"].holds is holds
    # b2 in the second place has 1 / log2(3).
    before = found.figures["first_listens_ndcg_over_popular_before_policy"]
    assert before == pytest.approx(2 / np.log2(3))
    assert found.figures["first_listens_users"] == 1
