"""Session models: NumPy equals TensorFlow, what sessions teach, and a chain whose next track is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval import session_training
from crossfade.retrieval.session_model import Gru4Rec, SasRec, SessionModel, last_sessions
from crossfade.retrieval.session_training import sequences
from crossfade.schema.errors import IntegrityError, TrainingError
from tests import builders
from tests.retrieval import worlds

MINUTE = 1 / 1440
SETTINGS = worlds.tiny_settings()


def made(kind: type[SessionModel]) -> SessionModel:
    return kind(SETTINGS.session_model, SETTINGS.index, 1)


def chain() -> Dataset:
    """Everybody plays a b c d in this order."""
    plays = [
        (f"u{user:02}", track, 1.0 + user / 50 + place * 4 * MINUTE)
        for user in range(30)
        for place, track in enumerate("abcd")
    ]
    return builders.dataset(plays)


@pytest.mark.parametrize("kind", [SasRec, Gru4Rec])
def test_the_next_track_of_a_chain_is_found_and_the_saved_model_agrees(
    kind: type[SessionModel], tmp_path: Path
) -> None:
    from crossfade.retrieval.tensorflow_setup import tf

    dataset = chain()
    model = made(kind).fit(dataset)
    played = builders.dataset([("eve", "a", 1.0), ("eve", "b", 1.0 + MINUTE, -1.0)], dataset.catalogue)
    queries = played.queries(np.array([0], np.int32), 2 * SECONDS_PER_DAY)
    begun = queries.keep(queries.track_rows == 0)
    assert model.recommend(begun, 1)[0].tolist() == [[1]]
    model.save(tmp_path)
    rows, skips = last_sessions(queries, SETTINGS.session_model.length)
    assert (rows.tolist(), skips.tolist()) == ([[-1, -1, 0, 1]], [[0, 0, 0, 1]])
    served = tf.saved_model.load(str(tmp_path / "encoder")).signatures["serving_default"]
    vectors = served(rows=tf.constant(rows), skips=tf.constant(skips))["session_vectors"].numpy()
    np.testing.assert_allclose(model.session_vectors(queries), vectors, atol=1e-5)


@pytest.mark.parametrize("kind", [SasRec, Gru4Rec])
def test_equal_seeds_give_equal_bytes(kind: type[SessionModel], tmp_path: Path) -> None:
    for name in ("once", "again"):
        made(kind).fit(worlds.planted()).save(tmp_path / name)
    # The SavedModel's graph is equal from process to process only: TensorFlow numbers functions as they are traced.
    for name in ("track_vectors.npy", "weights.npz", "session_model.json", "index/index.json"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_sessions_are_cut_into_stretches_that_know_skips_and_what_was_wanted_next() -> None:
    plays: list[Any] = [
        ("ann", "a", 1.0),
        ("ann", "b", 1.0 + MINUTE, -1.0),
        ("ann", "c", 1.0 + 2 * MINUTE),
        ("ann", "d", 1.0 + 3 * MINUTE),
        ("ben", "a", 1.0),  # a session of one teaches nothing
    ]
    rows, skips, targets = sequences(builders.dataset(plays).interactions, 2)
    # a -> b was skipped, b -> c; then c -> d.
    assert rows.tolist() == [[0, 1], [-1, 2]]
    assert skips.tolist() == [[0, 1], [0, 0]]
    assert targets.tolist() == [[-1, 2], [-1, 3]]


def test_without_sessions_there_is_nothing_to_learn() -> None:
    alone = builders.dataset([("ann", "a", 1.0), ("ben", "a", 1.0)])
    with pytest.raises(TrainingError, match="sessions of two listens or more, and found none among 2 inter"):
        made(SasRec).fit(alone)


def test_a_loss_that_is_not_finite_stops_training_and_names_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_training, "_step_of", lambda *_: lambda *_: float("nan"))
    with pytest.raises(
        TrainingError, match="The loss of gru4rec is nan in epoch 1, step 1; lower session_mod"
    ):
        made(Gru4Rec).fit(chain())


def test_another_catalogue_is_refused(tmp_path: Path) -> None:
    made(Gru4Rec).fit(chain()).save(tmp_path)
    other = builders.catalogue([{"track_id": "a"}])
    with pytest.raises(
        IntegrityError, match="holds 4 tracks, but the catalogue beside it has 1; load it with"
    ):
        Gru4Rec.load(tmp_path, other)
