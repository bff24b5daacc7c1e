"""The log of features: what was shown, with the numbers that ranked it, readable again bit by bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from crossfade.recommender.answers import answer
from crossfade.recommender.asking import Ask
from crossfade.recommender.feature_log import FeatureLog, LoggedRequest
from crossfade.recommender.recommend import Recommender
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.tables import Surface

ASKS = [
    Ask(request_id="r0", surface=Surface.HOME, user_id="u01", session=("j01",)),
    Ask(request_id="r1", surface=Surface.RADIO, seed_track="j16"),
]


def write(recommender: Recommender, path: Path) -> tuple[FeatureLog, list[tuple[str, ...]]]:
    log = FeatureLog(path / "logs" / "features.jsonl")
    answers, _ = answer(recommender, ASKS, 4, log=log)
    return log, [tuple(track.track_id for track in found.tracks) for found in answers]


def test_every_shown_track_is_there_with_what_ranked_it(recommender: Recommender, tmp_path: Path) -> None:
    log, shown = write(recommender, tmp_path)
    entries = log.read()
    assert [entry.request for entry in entries] == ASKS
    assert [entry.track_ids for entry in entries] == shown
    for entry in entries:
        ranker = recommender.ranker_of(entry.request.surface)
        assert entry.features.shape == (4, len(entry.task.features))
        assert entry.moment == entry.statistics_as_of == recommender.as_of
        assert entry.bundle == recommender.digest
        assert ranker.task is entry.task
    scores = recommender.ranker.predict(entries[0].features)
    first = answer(recommender, ASKS[:1], 4)[0][0]
    np.testing.assert_allclose(scores, [track.score for track in first.tracks], rtol=1e-6)


def test_lines_come_back_bit_by_bit_and_are_added(recommender: Recommender, tmp_path: Path) -> None:
    log, _ = write(recommender, tmp_path)
    entries = log.read()
    again = [LoggedRequest.of(json.dumps(entry.as_json())) for entry in entries]
    for one, other in zip(entries, again, strict=True):
        np.testing.assert_array_equal(one.features, other.features)
        assert one.as_json() == other.as_json()
    write(recommender, tmp_path)
    assert len(log.read()) == 2 * len(ASKS)
    assert [entry.name for entry in log.read()] == ["r0", "r1", "r0", "r1"]


def test_names_may_hold_what_unicode_counts_as_an_end_of_a_line(
    recommender: Recommender, tmp_path: Path
) -> None:
    log = FeatureLog(tmp_path / "log")
    answer(recommender, [ASKS[0].model_copy(update={"request_id": "r\x850"})], 4, log=log)
    assert [entry.name for entry in log.read()] == ["r\x850"]


def test_without_a_log_answers_are_the_same(recommender: Recommender, tmp_path: Path) -> None:
    log = FeatureLog(tmp_path / "log")
    assert answer(recommender, ASKS, 4, log=log) == answer(recommender, ASKS, 4)


def test_a_missing_file_and_foreign_lines_are_told(recommender: Recommender, tmp_path: Path) -> None:
    with pytest.raises(
        NotFoundError, match=r"no log of features at .*; write one with: crossfade recommend --feature-log"
    ):
        FeatureLog(tmp_path / "none").read()
    log, _ = write(recommender, tmp_path)
    lines = log.path.read_text().splitlines()
    log.path.write_text(lines[0] + '\n{"request": 1}\n')
    with pytest.raises(InputError, match="line 2 is not a line of a feature log"):
        log.read()
    other = json.loads(lines[0]) | {"layout": "00"}
    log.path.write_text(json.dumps(other))
    with pytest.raises(
        InputError, match=r"line 1 is not a line of a feature log: .*layout 00, but this Crossfade's is"
    ):
        log.read()
