"""Baselines that need no model: what everybody hears, and what is heard most of the user's own artists."""

import numpy as np

from crossfade.evaluation.evaluate import Recommend, unheard
from crossfade.evaluation.membership import mask_heard
from crossfade.evaluation.popularity import Popularity
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Queries
from crossfade.retrieval.contract import Ranking, Scores, top_k
from crossfade.schema.ids import NO_ROW, Rows

POPULARITY = "popularity"
ARTIST_POPULARITY = "artist_popularity"
COUNTRY_AND_GENRE = "country_and_genre"


def popularity(counts: Popularity) -> Recommend:
    """Return a system that recommends the tracks that most users heard, less those they know."""
    return unheard(most_heard(counts), len(counts.listens))


def most_heard(counts: Popularity) -> Recommend:
    """Return a system that recommends the tracks that most users heard, the same to all."""
    order = np.lexsort((-counts.listens, -counts.listeners)).astype(np.int32)
    listeners = counts.listeners[order].astype(np.float32)

    def recommend(queries: Queries, k: int) -> Ranking:
        shape = (len(queries), min(k, len(order)))
        return np.broadcast_to(order[:k], shape), np.broadcast_to(listeners[:k], shape)

    return recommend


def popular_in_country_and_genre(dataset: Dataset, as_of: int) -> Recommend:
    """Return a system that recommends what most users of the country heard in the main genres of the history.

    Tracks of other genres fill what is left, by listeners in the country; where the country is unknown, by all listeners.

    Args:
        dataset: What may be known.
        as_of: UTC seconds; later interactions do not count.
    """
    listeners = _listeners_by_country(dataset, as_of)
    main_genres = dataset.catalogue.genre_rows[:, 0]

    def recommend(queries: Queries, k: int) -> Ranking:
        scores = listeners[queries.country_rows]  # -1 is the last row: everybody
        asked = main_genres[queries.track_rows]
        is_asked = np.zeros((len(queries), len(dataset.catalogue.genres) + 1), np.bool_)
        is_asked[queries.owners, asked] = True
        is_asked[:, NO_ROW] = False
        return top_k(scores + is_asked[:, main_genres] * (listeners.max(initial=0) + 1), k)

    return unheard(recommend, len(dataset.catalogue))


def _listeners_by_country(dataset: Dataset, as_of: int) -> Scores:
    """Return distinct listeners [num_countries + 1, num_tracks] float32; the last row counts everybody."""
    acts, num_tracks = dataset.interactions, len(dataset.catalogue)
    known = acts.where(acts.known_before(as_of))
    pairs = np.unique(known.user_rows.astype(np.int64) * num_tracks + known.track_rows)
    users, tracks = pairs // num_tracks, pairs % num_tracks
    counts = np.zeros((len(dataset.users.countries) + 1, num_tracks), np.float32)
    countries = dataset.users.country_rows[users]
    has_country = countries >= 0
    np.add.at(counts, (countries[has_country], tracks[has_country]), 1.0)
    counts[NO_ROW] = np.bincount(tracks, minlength=num_tracks)
    return counts


def artist_popularity(catalogue: Catalogue, counts: Popularity) -> Recommend:
    """Return a system that recommends the most heard tracks of the artists that a user played most.

    A track's score is the user's positive listens of its artist times log(1 + listeners of the track): it is
    zero for every artist the user does not know, so a user without history gets an empty slate.
    """
    by_artist = _ArtistTracks(catalogue, counts)

    def recommend(queries: Queries, k: int) -> Ranking:
        owners, tracks, scores = by_artist.expand(queries)
        order = np.lexsort((tracks, -scores, owners))
        owners, tracks, scores = owners[order], tracks[order], scores[order]
        places = np.arange(len(owners)) - np.searchsorted(owners, owners)
        width = int(places.max(initial=-1)) + 1
        rows = np.full((len(queries), width), NO_ROW, np.int32)
        padded = np.full((len(queries), width), -np.inf, np.float32)
        rows[owners, places], padded[owners, places] = tracks, scores
        return mask_heard(rows, padded, queries, k)

    return recommend


class _ArtistTracks:
    """Tracks grouped by artist, with what makes them likely."""

    def __init__(self, catalogue: Catalogue, counts: Popularity) -> None:
        self.artists = catalogue.artist_rows
        self.tracks = np.argsort(self.artists, kind="stable")
        self.num_artists = len(catalogue.artists)
        self.starts = np.searchsorted(self.artists[self.tracks], np.arange(self.num_artists + 1))
        self.weights = np.log1p(counts.listeners)

    def expand(self, queries: Queries) -> tuple[Int64s, Rows, Scores]:
        """Return every track of every artist in each history as queries [m], tracks [m] and scores [m]."""
        history = queries.positives
        artists = self.artists[history.track_rows]
        known = artists >= 0
        pairs = history.owners[known] * max(self.num_artists, 1) + artists[known]
        distinct, listens = np.unique(pairs, return_counts=True)
        owners, played = np.divmod(distinct, max(self.num_artists, 1))
        sizes = self.starts[played + 1] - self.starts[played]
        firsts = np.cumsum(sizes) - sizes
        places = np.repeat(self.starts[played] - firsts, sizes) + np.arange(sizes.sum())
        tracks = self.tracks[places].astype(np.int32)
        scores = np.repeat(listens, sizes) * self.weights[tracks]
        return np.repeat(owners, sizes), tracks, scores.astype(np.float32)
