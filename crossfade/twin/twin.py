"""The twin: a simulated catalogue and its listeners, as canonical tables plus the truth behind them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.schema.durable import replacing
from crossfade.schema.errors import InputError
from crossfade.schema.tables import TABLES
from crossfade.twin.audience import Audience, family_tilt, make_audience
from crossfade.twin.draws import Floats, Ints
from crossfade.twin.listening import World, live
from crossfade.twin.logbook import Log, join, write_log
from crossfade.twin.music import Music, make_music
from crossfade.twin.names import artist_names
from crossfade.twin.planted import Planted, plant
from crossfade.twin.playlists import editorial_playlists
from crossfade.twin.playlists_table import MadePlaylists, made_playlists, playlists_table
from crossfade.twin.spec import TwinSpec
from crossfade.twin.tables import artists_table, events_table, tracks_table, users_table
from crossfade.twin.truth import Truth

# Listeners live in groups of at most so many pairs of listener and artist, or track: that bounds memory.
_PAIRS_WITH_ARTISTS: Final = 4_000_000
_PAIRS_WITH_TRACKS: Final = 60_000_000
_MOST_TOGETHER: Final = 5_000
MUSIC, AUDIENCE, EDITORS, NAMES, GROUPS, PLANTED = range(6)  # purposes of randomness


@dataclass(frozen=True)
class Twin:
    """Canonical tables, sorted by id (events by time), and the truth, whose rows are the tables' rows.

    Args:
        spec: What was simulated.
        events: Listens, saves, likes, dislikes, playlist adds and follows.
        tracks: The catalogue at the end of the window.
        artists: The artists.
        playlists: Editors' and listeners' playlists, each as of its timestamp.
        users: The listeners, and farm accounts after them.
        truth: True tastes and drivers.
    """

    spec: TwinSpec
    events: pa.Table
    tracks: pa.Table
    artists: pa.Table
    playlists: pa.Table
    users: pa.Table
    truth: Truth

    def affinity(self, user_rows: Ints, track_rows: Ints) -> Floats:
        """Return [n] float32 true affinities at the end of the window; see `Truth.affinity`."""
        return self.truth.affinity(user_rows, track_rows)

    def write(self, directory: Path) -> list[Path]:
        """Write `events.parquet`, `tracks.parquet` and so on, and the truth apart from them in `truth/`.

        Returns:
            The Parquet files.

        Raises:
            InputError: The directory cannot be written.
        """
        paths = [directory / f"{name}.parquet" for name in TABLES]
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for path in paths:
                with replacing(path) as partial:
                    pq.write_table(getattr(self, path.stem), partial, compression="zstd")
            self.truth.write(directory)
        except OSError as error:
            raise InputError(
                f"A twin needs a directory that can be written, {directory} cannot: {error}; choose another."
            ) from error
        return paths


def simulate(spec: TwinSpec) -> Twin:
    """Simulate a catalogue and its listeners; on one machine, equal specs give twins equal byte for byte.

    Args:
        spec: Sizes, start and seed.
    """
    world, audience = make_world(spec)
    music = world.music
    logs, made = zip(*_lives(world, audience), strict=True)
    planted = plant(spec, music, audience, join(list(logs)), random_of(spec, PLANTED))
    naming = random_of(spec, NAMES)
    names = artist_names(spec.artists, naming)
    return Twin(
        spec,
        events_table(spec, music, planted.log),
        tracks_table(spec, music, names, naming),
        artists_table(spec, music, names),
        playlists_table(spec, world.editorial, list(made), naming),
        users_table(spec, planted.audience),
        _truth(music, planted),
    )


def make_world(spec: TwinSpec) -> tuple[World, Audience]:
    """Draw the catalogue with its editors' playlists, and the listeners on their first day."""
    music = make_music(spec, random_of(spec, MUSIC))
    audience = make_audience(spec, music.artists, random_of(spec, AUDIENCE))
    editors = random_of(spec, EDITORS)
    tilt = _national_tilt(music, editors)
    return World(spec, music, tilt, editorial_playlists(music, tilt, editors)), audience


def random_of(spec: TwinSpec, purpose: int, group: int = 0) -> np.random.Generator:
    """Return randomness for one purpose, so that more listeners leave the catalogue as it is."""
    return np.random.default_rng([spec.seed, purpose, group])


def _lives(world: World, audience: Audience) -> Iterator[tuple[Log, MadePlaylists]]:
    spec = world.spec
    group = min(_PAIRS_WITH_ARTISTS // spec.artists, _PAIRS_WITH_TRACKS // spec.num_tracks)
    group = max(1, min(group, _MOST_TOGETHER))
    first_session = 0
    for start in range(0, spec.num_users, group):
        members = audience.part(start, start + group)
        rng = random_of(spec, GROUPS, start)
        days = live(world, members, rng)
        log = write_log(
            days,
            members.countries,
            first_user=start,
            first_session=first_session,
            num_days=spec.num_days,
            rng=rng,
        )
        first_session += sum(len(sessions) for sessions in days.sessions)
        yield log, made_playlists(days.own, members, first_user=start)


def _national_tilt(music: Music, rng: np.random.Generator) -> Floats:
    """Return [num_countries, num_artists] log weights: loved genres, artists from home, and chance."""
    tilt = family_tilt()[:, music.artists.families]
    tilt += 0.9 * (music.artists.countries == np.arange(len(tilt))[:, None])
    return (tilt + rng.normal(0, 0.4, tilt.shape)).astype(np.float32)


def _truth(music: Music, planted: Planted) -> Truth:
    audience, log = planted.audience, planted.log
    shared = {field.name for field in fields(Truth)} & {field.name for field in fields(Audience)}
    return Truth(
        **{name: getattr(audience, name) for name in shared},
        track_latents=music.latents,
        track_weights=music.weights,
        mood_fit=music.sound.mood_fit,
        event_moods=log.moods,
        event_mood_fit=log.mood_fit,
        skip_probability=log.skip_probability,
        accounts=planted.accounts,
        origins=log.origins,
        farmed_artists=planted.farmed_artists,
    )
