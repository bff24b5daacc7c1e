"""Playlists as a canonical table: each as it stood at its timestamp, so that none knows of later listens."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from crossfade.schema import columns as c
from crossfade.schema.tables import PLAYLISTS
from crossfade.twin.audience import Audience
from crossfade.twin.countries import COUNTRIES
from crossfade.twin.draws import Ints, Places
from crossfade.twin.genres import SUBGENRES
from crossfade.twin.logbook import DAY_MS
from crossfade.twin.names import playlist_titles
from crossfade.twin.playlists import EDITORIAL_TRACKS, OWN_TRACKS, OwnPlaylists
from crossfade.twin.spec import TwinSpec
from crossfade.twin.tables import canonical, ids, lists, named, timestamps
from crossfade.twin.words import MOODS


@dataclass(frozen=True)
class MadePlaylists:
    """Playlists that listeners made, as columns.

    Args:
        users: [p] int64 listener.
        days: [p] int32 day of the window.
        subjects: [p] int64 a mood, or the number of moods plus a subgenre.
        tracks: [p, 40] int32, -1 padded.
    """

    users: Places
    days: Ints
    subjects: Places
    tracks: Ints


def made_playlists(own: OwnPlaylists, audience: Audience, *, first_user: int) -> MadePlaylists:
    """Return the playlists of a group that hold anything."""
    users, places = np.nonzero(own.tracks[:, :, 0] >= 0)
    themes = own.themes[users, places]
    genres = audience.interest_genres[users, np.maximum(themes - len(MOODS), 0)]
    subjects = np.where(themes < len(MOODS), themes, len(MOODS) + genres)
    return MadePlaylists(users + first_user, own.days[users, places], subjects, own.tracks[users, places])


def playlists_table(
    spec: TwinSpec, editorial: Ints, made: list[MadePlaylists], rng: np.random.Generator
) -> pa.Table:
    """Return editors' playlists, which have no user, then those of listeners.

    Args:
        spec: Sizes and start.
        editorial: [num_editorial, 50] int32 as of the first day.
        made: Playlists of each group of listeners.
        rng: Source of randomness for titles and times of day.
    """
    kept = np.flatnonzero(editorial[:, 0] >= 0)
    users = np.concatenate([np.full(len(kept), -1), *(some.users for some in made)])
    days = np.concatenate([np.zeros(len(kept), np.int64), *(some.days for some in made)])
    own_times = (rng.random(len(users)) * DAY_MS / 24).astype(np.int64)
    tracks = np.full((len(users), EDITORIAL_TRACKS), -1, np.int32)
    tracks[: len(kept)] = editorial[kept]
    tracks[len(kept) :, :OWN_TRACKS] = np.concatenate([some.tracks for some in made])
    subjects = named(
        (*MOODS, *(genre.capitalize() for genre in SUBGENRES)),
        np.concatenate([some.subjects for some in made]),
    )
    columns = {
        c.PLAYLIST_ID: ids("playlist-", len(users)),
        c.TITLE: pa.concat_arrays([named(_editorial_titles(), kept), playlist_titles(subjects, rng)]),
        c.USER_ID: named(ids("user-", spec.num_accounts), users),
        c.TRACK_IDS: lists(ids("track-", spec.num_tracks), tracks),
        c.TIMESTAMP: timestamps(spec, np.where(users < 0, 0, days * DAY_MS + own_times)),
    }
    return canonical(PLAYLISTS.schema, columns, len(users))


def _editorial_titles() -> tuple[str, ...]:
    charts = tuple(f"Top 50 {country.code}" for country in COUNTRIES)
    moods = tuple(f"{mood} essentials" for mood in MOODS)
    return (*charts, *moods, *(f"This is {genre}" for genre in SUBGENRES))
