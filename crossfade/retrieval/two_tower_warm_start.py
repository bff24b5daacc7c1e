"""Two-tower training that starts from an earlier model: its tables are taken over row by row of equal id."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats
from crossfade.retrieval.content.known import Bools
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.towers import TrackTower
from crossfade.retrieval.two_tower_inputs import own_rows
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.retrieval.two_tower_model import TwoTowerModel
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import IdMap

# The country table's first row is that of users whose country is unknown.
UNKNOWN: Final = ""


def take_over(
    model: TwoTowerModel, earlier: Learnt, dataset: Dataset, features: list[str], *, artist_buckets: int = 0
) -> None:
    """Start from earlier towers: tables row by row of equal id, tables of hashes as they are.

    Another fit of the model that input vectors come from turns them another way, so their projection is the one that
    brings the tracks of both nearest to where they stood.

    Args:
        model: Its weights are overwritten.
        earlier: What an earlier training found.
        dataset: What the model is made for.
        features: Names of the rows of its weight `projection`.
        artist_buckets: Of its artists; 0 where each has a row.

    Raises:
        TrainingError: The earlier model has another shape.
    """
    tracks, users, weights = model.track_tower, model.user_tower, earlier.weights
    _require_equal_shapes(model, earlier, artist_buckets)
    catalogue, known = dataset.catalogue, earlier.catalogue
    if tracks.own_rows is None:
        _copy_rows(tracks.residuals, catalogue.tracks, weights["residuals"], known.tracks)
    else:
        _share(tracks, tracks.own_rows.numpy()[:, 0] >= 0, catalogue, earlier)
    if "artists" in earlier.hashed:
        tracks.artists.assign(weights["artists"])
    else:
        _copy_rows(tracks.artists, catalogue.contributors, weights["artists"], known.contributors)
    _copy_rows(tracks.genres, catalogue.genres, weights["genres"], known.genres)
    _turn(tracks, catalogue.tracks, earlier)
    _copy_rows(tracks.projection, _ids(features), weights["projection"], _ids(earlier.features))
    countries = _ids([UNKNOWN, *dataset.users.countries.ids.to_pylist()])
    _copy_rows(users.countries, countries, weights["countries"], _ids([UNKNOWN, *earlier.countries]))
    _copy_rows(users.traits, dataset.traits, weights["traits"], _ids(earlier.traits))
    tracks.words.assign(weights["words"])
    for name in ("attention", "decays", "repeats", "places", "mixing", "users"):
        getattr(users, name).assign(weights[name])


def _require_equal_shapes(model: TwoTowerModel, earlier: Learnt, artist_buckets: int) -> None:
    tracks, users, weights = model.track_tower, model.user_tower, earlier.weights
    track_buckets = 0 if tracks.own_rows is None else tracks.residuals.shape[0]
    shared = {name: len(weights[name]) if name in earlier.hashed else 0 for name in ("residuals", "artists")}
    for setting, now, then in (
        ("two_tower.track_buckets", track_buckets, shared["residuals"]),
        ("two_tower.artist_buckets", artist_buckets, shared["artists"]),
        ("two_tower.dim", tracks.residuals.shape[1], weights["residuals"].shape[1]),
        ("two_tower.history_length", users.places.shape[0], len(weights["places"])),
        ("two_tower.text_buckets", tracks.words.shape[0], len(weights["words"])),
        ("two_tower.user_ids and user_buckets", users.users.shape[0], len(weights["users"])),
    ):
        if now != then:
            raise TrainingError(
                f"A warm start needs {setting} of the earlier model, whose table has size {then}; got {now}. Start cold."
            )


def _share(tracks: TrackTower, trained: Bools, catalogue: Catalogue, earlier: Learnt) -> None:
    """Take the rows that tracks share, and let them speak for tracks that the earlier training saw, too."""
    table = earlier.weights["residuals"]
    tracks.residuals.assign(table)
    rows = earlier.catalogue.tracks.rows(catalogue.tracks.ids)
    seen = trained | (earlier.trained[rows] & (rows >= 0))
    tracks.own_rows = tf.constant(own_rows(catalogue, seen, len(table)))


def _turn(tracks: TrackTower, ids: IdMap, earlier: Learnt) -> None:
    """Choose the projection of input vectors by least squares over the tracks that the earlier model has too."""
    rows = earlier.catalogue.tracks.rows(ids.ids)
    now, then = tracks.given.numpy()[rows >= 0], earlier.weights["given"][rows[rows >= 0]]
    if now.shape[1]:
        stood = then @ earlier.weights["vector_projection"]
        tracks.vector_projection.assign(np.linalg.lstsq(now, stood, rcond=None)[0])


def _ids(names: list[str]) -> IdMap:
    return IdMap(pa.array(names, pa.string()))


def _copy_rows(table: Any, ids: IdMap, earlier: Floats, earlier_ids: IdMap) -> None:
    """Copy the rows of ids that the earlier table has too."""
    rows = earlier_ids.rows(ids.ids)
    values = table.numpy()
    values[: len(rows)][rows >= 0] = earlier[rows[rows >= 0]]
    table.assign(values)
