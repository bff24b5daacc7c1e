"""A back-fill changes nothing of examples that are older than its arrival, and is known from then on."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import ON_TIME, SECONDS_PER_DAY
from crossfade.features.next_tracks import NextTracks
from crossfade.features.statistics import Statistics
from crossfade.retrieval.two_tower_examples import Examples
from tests import builders

PLAYS: Final = [("u", "a1", 1.0), ("u", "b1", 2.0), ("u", "b2", 2.001), ("v", "a1", 3.0), ("u", "c1", 9.0)]
ARRIVAL: Final = 6 * SECONDS_PER_DAY
LATE: Final = ("u", "d1", 1.5)


def planted() -> tuple[Dataset, Dataset]:
    """Return a dataset, and the same with a back-fill of day 1.5 that arrived on day 6."""
    tracks = builders.catalogue(
        [{"track_id": name, "artist_ids": [name[0]]} for name in ("a1", "b1", "b2", "c1", "d1")]
    )
    split = Split(8 * SECONDS_PER_DAY, 9 * SECONDS_PER_DAY, 10 * SECONDS_PER_DAY)
    clean = builders.dataset(PLAYS, tracks, split=split)
    filled = builders.dataset([*PLAYS, LATE], tracks, split=split)
    acts = filled.interactions
    is_late = acts.track_rows == tracks.tracks.rows(["d1"])[0]
    arrivals = np.where(is_late, ARRIVAL, ON_TIME)
    return clean, replace(filled, interactions=replace(acts, arrivals=arrivals))


def known(dataset: Dataset, moment: int) -> list[npt.NDArray[np.generic]]:
    """Return all that features of a moment are made of."""
    queries = dataset.queries(np.array([0, 1], np.int32), moment)
    counted = Statistics.of(dataset, moment)
    past = dataset.until(moment).interactions
    return [queries.track_rows, queries.seconds, queries.offsets, counted.track_listens, past.track_rows]


def same(left: list[npt.NDArray[np.generic]], right: list[npt.NDArray[np.generic]]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(left, right, strict=True))


def test_examples_before_the_arrival_do_not_see_it_and_those_after_do() -> None:
    clean, filled = planted()
    for days in (1.2, 1.6, 3.5, 5.999):
        moment = int(days * SECONDS_PER_DAY)
        assert same(known(clean, moment), known(filled, moment)), days
    assert not same(known(clean, ARRIVAL), known(filled, ARRIVAL))
    assert filled.queries(np.array([0], np.int32), ARRIVAL).track_rows.tolist() == [0, 4, 1, 2]


def test_examples_at_many_moments_leave_it_out() -> None:
    clean, filled = planted()
    examples = [Examples.of(dataset) for dataset in (clean, filled)]
    assert same(*([each.track_rows, each.starts, each.ends] for each in examples))
    span = {"most_sessions": 9, "most_moments": 9, "seed": 1}
    moments = [NextTracks.of(dataset, 0, 8 * SECONDS_PER_DAY, **span) for dataset in (clean, filled)]
    assert same(*([each.queries(0, len(each)).track_rows] for each in moments))


def test_arrivals_are_kept_on_disk(tmp_path: Path) -> None:
    _, filled = planted()
    filled.save(tmp_path)
    assert np.array_equal(Dataset.load(tmp_path).interactions.arrivals, filled.interactions.arrivals)
    assert Dataset.load(tmp_path).interactions.situations is None
