"""Each variant leaves out one part, what is left out is not read, and the table compares with everything."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import ablation
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.traits import vocabulary
from crossfade.schema import columns as c
from crossfade.schema.settings import parse_settings
from tests import builders

DAY = SECONDS_PER_DAY
SETTINGS = parse_settings(
    "two_tower: {dim: 8, batch_size: 32, epochs: 1, history_length: 5, hard_negatives: 4}\n"
    "als: {factors: 2}\nindex: {backend: exact}\nevaluation: {bootstrap_samples: 20}\n"
)


@pytest.fixture(scope="module")
def world() -> Dataset:
    """Users hear a track a day; the last two days are the validation period, whose track `new` nobody had heard."""
    plays = [
        (f"u{user:02}", f"t{(user * 3 + day) % 20:02}", day + 0.5) for user in range(20) for day in range(8)
    ]
    plays = [(user, "new" if day > 7 and user < "u05" else track, day) for user, track, day in plays]
    tracks = builders.catalogue(
        [{c.TRACK_ID: f"t{i:02}", c.ARTIST_IDS: ["x", "y"], c.TITLE: f"song {i % 3}"} for i in range(20)]
        + [{c.TRACK_ID: "new"}]
    )
    made = builders.dataset(plays, tracks, split=Split(6 * DAY, 8 * DAY, 8 * DAY))
    traits = vocabulary({"device=phone": 1})
    situations = np.full((len(plays), 3), -1, np.int8)
    situations[:, 0] = traits.rows(["device=phone"])[0]
    acts = replace(made.interactions, situations=situations)
    people = builders.users(made.users.ids.ids.to_pylist(), birth_years=[1940] * 20)
    return replace(made, interactions=acts, traits=traits, users=people)


def test_each_variant_leaves_out_one_part_but_the_first_and_the_last() -> None:
    left_out = list(ablation.variants().values())
    assert left_out[0] == []
    assert left_out[1:-1] == [[name] for name in ablation.PARTS]
    assert left_out[-1] == list(ablation.PARTS)
    for part in ablation.PARTS.values():
        assert set(part.on) == set(part.off) <= set(SETTINGS.two_tower.model_dump())


def test_what_is_left_out_of_the_data_is_gone(world: Dataset) -> None:
    assert ablation.first_artists(world).catalogue.contributors.ids.to_pylist() == ["x"]
    assert world.catalogue.contributors.ids.to_pylist() == ["x", "y"]
    asking = np.zeros(1, np.int32)
    assert world.queries(asking, DAY).traits is not None
    assert ablation.no_ages(world).queries(asking, DAY).traits is None


def test_the_truths_are_all_known_tracks_and_first_sessions(world: Dataset) -> None:
    truths = ablation.truths_of(world, SETTINGS)
    new = int(world.catalogue.tracks.rows(["new"])[0])
    assert new in truths[ablation.ALL].track_rows
    assert new not in truths[ablation.KNOWN].track_rows
    # Each day is a session of its own, and the second day of the period is not the first.
    assert new not in truths[ablation.SESSION].track_rows
    told = truths[ablation.SESSION].queries.traits
    assert told is not None
    names = [world.traits.names(row.astype(np.int32)) for row in told]
    assert names == [["age=30", "device=phone", None, None, "hour=12", "weekday=2"]] * len(told)
    for left_out, known in ((["age"], slice(1, None)), (["context"], slice(0, 1))):
        hidden = ablation._hidden(truths[ablation.SESSION], left_out).queries.traits
        assert hidden is not None
        np.testing.assert_array_equal(hidden[:, known], told[:, known])
        assert (hidden == -1).sum() == (told == -1).sum() + np.delete(told >= 0, known, axis=1).sum()


@pytest.mark.usefixtures("untraced")
def test_variants_are_trained_judged_and_compared(world: Dataset) -> None:
    truths, known = ablation.truths_of(world, SETTINGS), world.until(6 * DAY)
    judged = {
        name: ablation.judged(known, truths, left, SETTINGS)
        for name, left in list(ablation.variants().items())[::7]
    }
    found = {name: evaluations for name, (evaluations, _) in judged.items()}
    result = ablation.result(found, {name: speed for name, (_, speed) in judged.items()}, quick=True)
    assert list(found) == ["everything", "without all of these"]
    for truth in truths:
        assert 0 <= result.figures[f"everything, {truth}, recall"] <= 1  # type: ignore[operator]
    assert result.figures["everything, examples per second"] > 0  # type: ignore[operator]
    rows = [line for line in result.notes if line.startswith("everything")]
    assert len(rows) == 3
    assert all("+0.0000 [+0.0000, +0.0000]" in row for row in rows)
