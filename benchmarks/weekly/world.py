"""A world of any size, made in seconds: planted tracks and listeners, and a bundle of the product's own sources and ranker.

Listeners hear a few genres and in each a few artists, the popular ones more. Everything is fitted as in training but for
the two-tower, whose vectors are planted: training it says nothing about what an answer costs.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split, Users
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Interactions
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.retrieval.content.cold import Cold, Origins
from crossfade.retrieval.index import Index, build_index
from crossfade.retrieval.two_tower import ABOUT, TwoTower
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.retrieval.user_tower import HEADS, unit
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings, load_settings
from crossfade.schema.tables import TRACKS, USERS

DIM: Final = 64
NUM_GENRES: Final = 100
NUM_COUNTRIES: Final = 20
TRACKS_PER_ARTIST: Final = 10
TRACKS_AT_ONCE: Final = 100_000
TRACKS_PER_ALBUM: Final = 5
GENRES_HEARD: Final = 3
ARTISTS_HEARD: Final = 12
USUAL_LISTENS: Final = 60
MOST_LISTENS: Final = 300
SESSION_LISTENS: Final = 8
DAYS: Final = 70
SKIPPED, SAVED = 0.1, 0.05
# Of the length of a genre's vector, which is 1: how far artists of a genre, and tracks of an artist, are apart.
ARTIST_SPREAD, TRACK_SPREAD = 0.7, 0.5
SPLIT: Final = Split((DAYS - 14) * SECONDS_PER_DAY, (DAYS - 7) * SECONDS_PER_DAY, DAYS * SECONDS_PER_DAY)


@dataclass(frozen=True)
class World:
    """Where the files of a world stand.

    Args:
        dataset: As `Dataset.save` wrote it.
        bundle: The bundle.
    """

    dataset: Path
    bundle: Path


def settings_of(ranker: str, *assignments: str) -> Settings:
    """Return the default settings with a ranker (`ranking.model`), few enough users to teach it in a moment, and others."""
    return load_settings(assignments=[f"ranking.model={ranker}", "ranking.max_users=1000", *assignments])


def world_of(folder: Path, num_tracks: int, num_users: int, settings: Settings) -> World:
    """Make a world in an empty folder.

    Args:
        folder: Gets dataset and bundle.
        num_tracks: A multiple of 1,000.
        num_users: Listeners.
        settings: That the bundle is trained with.
    """
    random = np.random.default_rng(num_tracks)
    artists = Artists(num_tracks // TRACKS_PER_ARTIST)
    dataset = Dataset(
        catalogue_of(artists, random),
        users_of(num_users, random),
        interactions_of(artists, num_users, random),
        SPLIT,
        {},
    )
    dataset.save(folder / "dataset")
    data, early, late, ranker = (folder / name for name in ("dataset", "early", "late", "ranker"))
    with planted_vectors(vectors_of(artists, random)):
        fit_sources(data, early, until="validation", settings=settings)
        fit_ranker(data, early, ranker, settings)
        fit_sources(data, late, until="end", settings=settings)
    made = build_bundle(data, late, ranker, folder / "bundles", until="end", settings=settings, lineage={})
    return World(data, made)


@dataclass(frozen=True)
class Artists:
    """Artists stand genre by genre, the popular ones of a genre first, and tracks artist by artist."""

    num_artists: int

    @property
    def num_tracks(self) -> int:
        """Tracks of all artists."""
        return self.num_artists * TRACKS_PER_ARTIST

    @property
    def genres(self) -> Rows:
        """[num_artists] int32."""
        return (np.arange(self.num_artists) * NUM_GENRES // self.num_artists).astype(np.int32)


def catalogue_of(artists: Artists, random: np.random.Generator) -> Catalogue:
    """Name the tracks; each has one artist, an album, one genre or two, and a day of release."""
    tracks = np.arange(artists.num_tracks)
    owners, genres = tracks // TRACKS_PER_ARTIST, artists.genres[tracks // TRACKS_PER_ARTIST]
    others = np.where(random.random(len(tracks)) < 0.5, random.integers(0, NUM_GENRES, len(tracks)), genres)
    kept = np.stack([np.ones(len(tracks), np.bool_), others != genres], axis=1)
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    columns: dict[str, pa.Array] = {
        c.TRACK_ID: names("t", tracks),
        c.TITLE: names("Song ", tracks),
        c.ARTIST_IDS: pa.ListArray.from_arrays(
            np.arange(len(tracks) + 1, dtype=np.int32), names("a", owners)
        ),
        c.ARTIST_NAME: names("Band ", owners),
        c.ALBUM_ID: names("l", tracks // TRACKS_PER_ALBUM),
        c.RELEASE_DATE: pa.array(random.integers(DAYS - 3000, DAYS, len(tracks)), pa.int32()).cast(
            pa.date32()
        ),
        c.GENRES: pa.ListArray.from_arrays(offsets, names("g", np.stack([genres, others], axis=1)[kept])),
        c.DURATION_MS: pa.array(random.integers(120_000, 360_000, len(tracks))),
    }
    filled = [columns.get(item.name, pa.nulls(len(tracks), item.type)) for item in TRACKS.schema]
    table = pa.table(filled, schema=TRACKS.schema)
    return Catalogue(table.append_column(c.ARTIST_ID, names("a", owners)))


def users_of(num_users: int, random: np.random.Generator) -> Users:
    """Name the listeners; each has a country."""
    countries = names("C", (random.random(num_users) ** 2 * NUM_COUNTRIES).astype(np.int64))
    columns = {c.USER_ID: names("u", np.arange(num_users)), c.COUNTRY: countries}
    filled = [columns.get(item.name, pa.nulls(num_users, item.type)) for item in USERS.schema]
    return Users(pa.table(filled, schema=USERS.schema))


def names(start: str, numbers: npt.NDArray[np.integer[Any]]) -> pa.Array:
    """Return the names [m] of numbers [m], which sort as the numbers do."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 8, "0")
    return pc.binary_join_element_wise(start, digits, "")


def interactions_of(artists: Artists, num_users: int, random: np.random.Generator) -> Interactions:
    """Draw what listeners heard: sessions of 8 tracks on days of their own, a few skipped, a few saved."""
    listens = np.clip(random.lognormal(np.log(USUAL_LISTENS), 0.6, num_users), 8, MOST_LISTENS).astype(int)
    owners = np.repeat(np.arange(num_users), listens)
    first = np.concatenate([[0], np.cumsum(listens)])[:-1]
    places = np.arange(len(owners)) - first[owners]
    sessions = np.cumsum(places % SESSION_LISTENS == 0) - 1
    starts = random.random(sessions[-1] + 1) * (DAYS - 1)
    in_order = np.lexsort((starts, owners[places % SESSION_LISTENS == 0]))
    seconds = starts[in_order][sessions] * SECONDS_PER_DAY + (places % SESSION_LISTENS) * 240
    luck = random.random(len(owners))
    strengths = np.where(luck < SKIPPED, -0.8, np.where(luck > 1 - SAVED, 5.0, 1.0))
    return Interactions(
        owners.astype(np.int32),
        _heard(artists, owners, num_users, random),
        seconds.astype(np.int64),
        strengths.astype(np.float32),
        sessions.astype(np.int32),
    )


def _heard(
    artists: Artists, owners: npt.NDArray[np.int64], num_users: int, random: np.random.Generator
) -> Rows:
    """Return the track of each listen: of the listener's artists, those named first more often, popular tracks more."""
    per_genre = artists.num_artists // NUM_GENRES
    liked = random.integers(0, NUM_GENRES, (num_users, GENRES_HEARD))
    chosen = liked[:, np.arange(ARTISTS_HEARD) % GENRES_HEARD] * per_genre
    chosen += (random.random((num_users, ARTISTS_HEARD)) ** 3 * per_genre).astype(np.int64)
    rank = (random.random(len(owners)) ** 2 * ARTISTS_HEARD).astype(np.int64)
    track = (random.random(len(owners)) ** 2 * TRACKS_PER_ARTIST).astype(np.int64)
    return (chosen[owners, rank] * TRACKS_PER_ARTIST + track).astype(np.int32)


def vectors_of(artists: Artists, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return unit vectors [num_tracks, 64]: of a genre alike, of an artist more so."""
    genres = random.standard_normal((NUM_GENRES, DIM)) / DIM**0.5
    of_artists = genres[artists.genres]
    of_artists += ARTIST_SPREAD * random.standard_normal(of_artists.shape) / DIM**0.5
    vectors = np.repeat(of_artists.astype(np.float32), TRACKS_PER_ARTIST, axis=0)
    for start in range(
        0, len(vectors), TRACKS_AT_ONCE
    ):  # ten million at once would take three times their memory
        block = vectors[start : start + TRACKS_AT_ONCE]
        block += np.float32(TRACK_SPREAD / DIM**0.5) * random.standard_normal(block.shape, np.float32)
        block[:] = unit(block)
    return vectors


@contextmanager
def planted_vectors(vectors: npt.NDArray[np.float32]) -> Iterator[None]:
    """Have two-towers take these vectors [num_tracks, dim] instead of training, and listeners the mean of their history."""
    indexes: list[Index] = []

    def fit(model: TwoTower, dataset: Dataset) -> TwoTower:
        countries = dataset.users.countries.ids.to_pylist()
        weights: dict[str, Floats] = {
            "residuals": vectors[:1],
            "attention": np.zeros((DIM, HEADS), np.float32),
            "decays": np.linspace(0, 1.5, HEADS, dtype=np.float32),
            "repeats": np.full(HEADS, 0.5, np.float32),
            "places": np.zeros((model.settings.history_length, HEADS), np.float32),
            "mixing": np.tile(np.eye(DIM, dtype=np.float32), (HEADS, 1)) / np.float32(HEADS),
            "countries": np.asarray(
                np.resize(vectors, (len(countries) + 1, DIM)) * np.float32(0.02), np.float32
            ),
            "traits": np.zeros((len(dataset.traits), DIM), np.float32),
            "users": np.zeros((1, DIM), np.float32),
        }
        nobody = np.zeros(0, np.int32)
        model.learnt_ = Learnt(
            weights, vectors, dataset.catalogue, [], countries, [], nobody, has_time=True, history=[]
        )
        model.cold_ = Cold(Origins.none(len(vectors)), None)
        # Every fit has the same vectors, and at a million tracks an index of them takes longer than all else.
        if not indexes:
            indexes.append(build_index(vectors, model.index, model._recall_queries(dataset)))
        model.index_ = indexes[0]
        return model

    def save(model: TwoTower, directory: Path) -> None:
        model.learnt_.save(directory)
        model.cold_.save(directory / "cold")
        model.index_.save(directory / "index")
        about = {name: getattr(model, name).model_dump() for name in ("settings", "index", "models")}
        (directory / ABOUT).write_text(json.dumps({**about, "seed": model.seed}), "utf-8")

    with patch.multiple(TwoTower, fit=fit, save=save):
        yield
