"""Whether slates are what their policy promises, counted again from the tracks that were shown."""

import numpy as np
import numpy.typing as npt

from crossfade.evaluation.membership import locate
from crossfade.evaluation.popularity import Bools
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Queries
from crossfade.recommender.policy import Policy
from crossfade.schema.ids import NO_ROW, Rows


def meets_caps(
    rows: Rows, queries: Queries, policy: Policy, *, catalogue: Catalogue, is_small: Bools
) -> Bools:
    """Tell which slates meet every cap of a policy.

    These are the tracks of one artist and of one album, and the shares of new and of small artists; a place kept for one
    kind of artist may be empty, but never goes to the other.

    Args:
        rows: [n, k] int32 slates, padded with -1.
        queries: What their n listeners had played.
        policy: Of the surface.
        catalogue: The tracks.
        is_small: [num_artists] bool.

    Returns:
        [n] bool.
    """
    artists = _read(catalogue.artist_rows, rows)
    albums = _read(catalogue.album_rows, rows)
    played = locate(queries.offsets, catalogue.artist_rows[queries.track_rows], artists) >= 0
    small = (
        np.where(artists >= 0, is_small[artists], False) if len(is_small) else np.zeros(rows.shape, np.bool_)
    )
    named = artists >= 0
    met = _most_of_one(artists) <= (policy.max_per_artist or rows.shape[1])
    met &= _most_of_one(albums) <= (policy.max_per_album or rows.shape[1])
    met &= _within(named & ~played, named & played, policy.new_artists)
    return np.asarray(met & _within(small, named & ~small, policy.small_artists))


def _read(values: Rows, rows: Rows) -> Rows:
    return np.where(rows >= 0, values[rows], NO_ROW).astype(np.int32)


def _most_of_one(groups: Rows) -> npt.NDArray[np.int64]:
    """Return [n] how often the most frequent group (not -1) of each row comes."""
    ordered = np.sort(groups, axis=1)
    most = np.zeros(len(groups), np.int64)
    run = np.zeros(len(groups), np.int64)
    for place in range(groups.shape[1]):
        same = (ordered[:, place] == ordered[:, place - 1]) if place else np.zeros(len(groups), np.bool_)
        run = np.where(ordered[:, place] == NO_ROW, 0, np.where(same, run + 1, 1))
        most = np.maximum(most, run)
    return most


def _within(ones: Bools, others: Bools, shares: tuple[float, float]) -> Bools:
    """Tell which rows hold at most the largest share of ones, and at most what the least leaves of others."""
    k, (least, most) = ones.shape[1], shares
    few_ones = ones.sum(axis=1) <= most * k + 1e-9
    return np.asarray(few_ones & (others.sum(axis=1) <= (1 - least) * k + 1e-9))
