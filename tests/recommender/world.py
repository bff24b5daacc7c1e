"""A planted world of rock and jazz listeners who share no track, small enough to train on in a moment."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, parse_settings
from tests import builders

DAYS = 20
SPLIT = Split(16 * SECONDS_PER_DAY, 18 * SECONDS_PER_DAY, DAYS * SECONDS_PER_DAY)
NUM_USERS, NUM_TRACKS, NUM_ARTISTS, PLAYS = 40, 40, 5, 18
NEWCOMER = "u40"  # in the users table, without plays


def tracks() -> Catalogue:
    """Tracks r00..r39 (rock) and j00..j39 (jazz), of artists ra..re and ja..je, released day by day until now."""
    return builders.catalogue(
        [
            {
                c.TRACK_ID: f"{genre}{i:02}",
                c.TITLE: f"Song {genre}{i:02}",
                c.ARTIST_IDS: [f"{genre}{'abcde'[i % NUM_ARTISTS]}"],
                c.ARTIST_NAME: f"Band {genre}{'abcde'[i % NUM_ARTISTS]}",
                c.ALBUM_ID: f"{genre}album{i % 20}",
                c.GENRES: [genre],
                c.RELEASE_DATE: date(1970, 1, 1) + timedelta(days=i - 25),
                c.DURATION_MS: 200_000,
            }
            for genre in "rj"
            for i in range(NUM_TRACKS)
        ]
    )


def dataset() -> Dataset:
    """Even users hear rock and live in SE, odd ones jazz and NO; each plays 18 tracks of its 40, favouring artists."""
    random = np.random.default_rng(0)
    plays = []
    for user in range(NUM_USERS):
        likes = np.repeat(random.dirichlet(np.ones(NUM_ARTISTS)), NUM_TRACKS // NUM_ARTISTS).reshape(
            NUM_ARTISTS, -1
        )
        shares = (likes + 0.01).T.ravel() / (likes + 0.01).sum()
        chosen = random.choice(NUM_TRACKS, PLAYS, replace=False, p=shares)
        days = np.sort(random.uniform(0, DAYS, PLAYS))
        strengths = np.where(random.random(PLAYS) < 0.1, -1.0, 1.0)
        genre = "rj"[user % 2]
        plays += [
            (f"u{user:02}", f"{genre}{track:02}", day, strength)
            for track, day, strength in zip(chosen.tolist(), days.tolist(), strengths.tolist(), strict=True)
        ]
    countries = [*["SE", "NO"] * (NUM_USERS // 2), None]
    users = builders.users([f"u{user:02}" for user in range(NUM_USERS + 1)], countries)
    return replace(builders.dataset(plays, tracks(), split=SPLIT), users=users)


def settings() -> Settings:
    """Settings under which everything trains in a moment."""
    return parse_settings(
        "two_tower: {dim: 8, batch_size: 64, epochs: 2, history_length: 10, hard_negatives: 4}\n"
        "index: {backend: exact}\nsources: {candidates: 60, per_source: 40, neighbours: 10}\n"
        "ranking: {num_trees: 30, num_leaves: 7, min_leaf_rows: 5}\nweekly: {batch_users: 64}\n"
    )


def copied(planted: Path, directory: Path) -> Path:
    """Copy what `train` left in another directory, and return the bundle there."""
    shutil.copytree(planted, directory, dirs_exist_ok=True)
    (manifest,) = (directory / "bundles").glob("*/MANIFEST.json")
    return manifest.parent


def train(directory: Path, chosen: Settings | None = None) -> Path:
    """Run the three stages of training and return the bundle that knows everything before the test period.

    Tests take the fixture `planted_world`, for which this ran once.
    """
    dataset().save(directory / "dataset")
    chosen = chosen or settings()
    for until in ("validation", "test"):
        fit_sources(directory / "dataset", directory / until, until=until, settings=chosen)
    fit_ranker(directory / "dataset", directory / "validation", directory / "ranker", chosen)
    return build_bundle(
        directory / "dataset",
        directory / "test",
        directory / "ranker",
        directory / "bundles",
        until="test",
        settings=chosen,
        lineage={"parents": ["0123456789abcdef"]},
    )
