"""A bundle that was refused is tried again, at growing intervals, and told of once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from serving.gateway.champion import Champion
from serving.recommender.held import Holder
from serving.refusals import MOST_SECONDS, Refusals
from tests.serving import places


@pytest.fixture(scope="module")
def own(planted_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return places.make_workspace(planted_world, tmp_path_factory.mktemp("refusals"))


@contextmanager
def copied_in_part(workspace: Workspace, name: str) -> Iterator[Path]:
    """Make a champion of which a directory is not there yet; it has come when the block ends."""
    bundle = places.another_bundle(workspace, name)
    late = bundle / "sources"
    late.rename(workspace.path / "late")
    workspace.promote(bundle.name, reason="Better.", run_id=name, evaluation={})
    yield bundle
    (workspace.path / "late").rename(late)


def told(caplog: pytest.LogCaptureFixture, bundle: Path) -> list[str]:
    return [record.getMessage() for record in caplog.records if bundle.name in record.getMessage()]


def assert_taken_up_later(
    workspace: Workspace, name: str, look: Callable[[], object], answers: Callable[[], str]
) -> Path:
    before = answers()
    with copied_in_part(workspace, name) as bundle:
        for _ in range(3):
            look()
            assert answers() == before

    def is_taken_up() -> bool:
        look()
        return answers() == bundle.name

    places.wait_until(is_taken_up, "the bundle is whole and taken up", 20)
    return bundle


def test_popular_tracks_are_those_of_a_bundle_that_comes_in_parts(
    own: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    champion = Champion(None, own)
    bundle = assert_taken_up_later(own, "gateway", champion._look, lambda: champion.popular.bundle)
    refused, taken = told(caplog, bundle)
    assert "is tried again" in refused
    assert "now" in taken


def test_a_recommender_takes_up_a_bundle_that_comes_in_parts(
    own: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    holder = Holder(None, own)
    reasons = []

    def look() -> None:
        assert holder.refresh() is (holder.refused is None)
        reasons.append(holder.refused)

    bundle = assert_taken_up_later(own, "recommender", look, lambda: str(holder.as_json()["bundle"]))
    assert reasons[0] is not None
    assert (reasons[0]["bundle"], reasons[-1]) == (bundle.name, None)
    refused, taken = told(caplog, bundle)
    assert "is tried again" in refused
    assert taken == f"Bundle {bundle.name} answers now."


def test_tries_become_rarer_and_a_bundle_that_takes_long_is_tried_least() -> None:
    clock = [0.0]
    refusals = Refusals(lambda: clock[0])
    tries, news = [], 0
    while clock[0] < 400:
        if refusals.may_try("a"):
            tries.append(clock[0])
            news += refusals.note("a", 0.0)
        clock[0] += 0.5
    pauses = [later - before for before, later in pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 32, *[MOST_SECONDS] * 5]
    assert news == 1
    # Another one is news, and tried at once.
    assert refusals.may_try("b")
    assert refusals.note("b", 30.0)
    clock[0] += 599
    assert not refusals.may_try("b")
    clock[0] += 1
    assert refusals.may_try("b")
    refusals.clear()
    assert refusals.may_try("b")
    assert refusals.note("b", 0.0)
