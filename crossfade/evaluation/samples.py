"""Sample playlists for the report: one listener of each kind, with titles and reasons, without ids."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from crossfade.evaluation.json_files import read_json, write_json
from crossfade.evaluation.report.inputs import Place, Playlist
from crossfade.evaluation.suite import label
from crossfade.evaluation.truth import Truth
from crossfade.features.interactions import Queries
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema.columns import SLATE_SOURCES, TITLE
from crossfade.schema.ids import Rows
from crossfade.schema.tables import Surface

SAMPLES: Final = "samples.json"
KINDS: Final = ("heavy", "casual", "new")
RECENT_TRACKS: Final = 5
PLACES: Final = 10


def sample_playlists(recommender: Recommender, queries: Queries, truth: Truth, k: int) -> list[Playlist]:
    """Recommend to the median listener of each kind (by listens, then row).

    Args:
        recommender: A loaded bundle.
        queries: The truth's queries in the bundle's rows.
        truth: Test users and their cohorts.
        k: Length of the playlists, of which the first ten places are kept.
    """
    playlists = []
    for kind in KINDS:
        members = np.flatnonzero(truth.cohorts[kind])
        if len(members):
            listens = np.diff(queries.offsets)[members]
            chosen = int(members[np.argsort(listens, kind="stable")[len(members) // 2]])
            playlists.append(_playlist(recommender, queries.slice(chosen, chosen + 1), kind, k))
    return playlists


def _playlist(recommender: Recommender, query: Queries, kind: str, k: int) -> Playlist:
    requests = Requests.of(query, Surface.DISCOVER_WEEKLY, k, verify_reasons=True)
    slates = recommender.recommend(requests)
    rows = slates.rows[0][slates.rows[0] >= 0][:PLACES]
    wording = recommender.wording
    kinds, reason_rows = slates.reason_kinds[0][: len(rows)], slates.reason_rows[0][: len(rows)]
    places = [
        Place(title, artist or "", label(SLATE_SOURCES[source]).removesuffix(" alone"), reason or "")
        for title, artist, source, reason in zip(
            _titles(recommender, rows),
            wording.artist_names(recommender.catalogue.artist_rows[rows]).to_pylist(),
            slates.sources[0][: len(rows)].tolist(),
            wording.texts(kinds, reason_rows).to_pylist(),
            strict=True,
        )
    ]
    recent = query.last_tracks(RECENT_TRACKS)[0]
    played = wording.track_names(recent[recent >= 0]).to_pylist()
    country = recommender.dataset.users.countries.names(query.country_rows)[0]
    listens = "1 listen" if len(query.track_rows) == 1 else f"{len(query.track_rows):,} listens"
    about = f"{kind.capitalize()} listener{f' in {country}' if country else ''}, {listens}"
    return Playlist(about, played, places)


def _titles(recommender: Recommender, rows: Rows) -> list[str]:
    titles = recommender.catalogue.table.column(TITLE).take(rows).to_pylist()
    ids = recommender.catalogue.tracks.names(rows)
    return [title or str(track) for title, track in zip(titles, ids, strict=True)]


def save_samples(playlists: list[Playlist], directory: Path) -> None:
    """Write `samples.json`."""
    write_json([asdict(playlist) for playlist in playlists], directory / SAMPLES)


def load_samples(directory: Path) -> list[Playlist]:
    """Read what `save_samples` wrote."""
    return [
        Playlist(about["listener"], about["recent"], [Place(**place) for place in about["places"]])
        for about in read_json(directory / SAMPLES)
    ]
