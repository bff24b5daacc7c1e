"""How tracks and artists fare with everybody, as of a moment: what a ranker knows of them besides content."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.catalogue import UNKNOWN_DAY, Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Int64s, Interactions
from crossfade.features.lookups import NEVER, of_countries
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import Rows

FILE: Final = "statistics.arrow"
# Plays that a rate is drawn to everybody's rate by, so that one skip does not make a track a nuisance.
PRIOR_PLAYS: Final = 20.0
TOP_COUNTRIES: Final = 20  # with most listens; others have too few listens by track to say anything
# A listen is 1 at most, so what is stronger is a save, like or playlist add (lake.save_strength).
LISTEN_STRENGTH: Final = 1.0
TRACK_COLUMNS: Final = (
    "track_listens_log",
    "track_listens_7d_log",
    "track_trend",
    "track_listeners_log",
    "track_skip_rate",
    "track_save_rate",
)
ARTIST_COLUMNS: Final = ("artist_listens_log", "artist_listeners_log", "artist_tracks_log")


@dataclass(frozen=True)
class Statistics:
    """Counts before `as_of`; a listen is a positive interaction, a play any interaction.

    Args:
        as_of: [1] int64 UTC seconds.
        has_time: [1] bool; without timestamps the counts of days and first times are NaN and `NEVER`.
        track_listens: [num_tracks] float32.
        track_listens_7d: [num_tracks] float32 of the last 7 days.
        track_listens_28d: [num_tracks] float32 of the last 28 days.
        track_listeners: [num_tracks] float32 distinct users.
        track_skip_rate: [num_tracks] float32, 0..1: mean strength of early skips over plays, smoothed.
        track_save_rate: [num_tracks] float32, 0..1: saves over plays, smoothed.
        track_first_seconds: [num_tracks] int64 first listen, `NEVER` if none.
        artist_listens: [num_artists] float32.
        artist_listeners: [num_artists] float32 distinct users.
        artist_tracks: [num_artists] float32 tracks released by then; undated ones count once somebody has played them.
        country_shares: [num_countries] float32 of all listens whose country is known, NaN beyond the top 20.
        country_keys: [p] int64 country * num_tracks + track, sorted; only top countries.
        country_listens: [p] float32 listens of that track there.
    """

    as_of: Int64s
    has_time: npt.NDArray[np.bool_]
    track_listens: Floats
    track_listens_7d: Floats
    track_listens_28d: Floats
    track_listeners: Floats
    track_skip_rate: Floats
    track_save_rate: Floats
    track_first_seconds: Int64s
    artist_listens: Floats
    artist_listeners: Floats
    artist_tracks: Floats
    country_shares: Floats
    country_keys: Int64s
    country_listens: Floats

    @classmethod
    def of(cls, dataset: Dataset, as_of: int) -> "Statistics":
        """Count all interactions of the dataset known before a moment in UTC seconds."""
        known = dataset.interactions.where(dataset.interactions.known_before(as_of))
        return cls(
            np.array([as_of], np.int64),
            np.array([dataset.split.has_time]),
            **_of_tracks(known, len(dataset.catalogue), as_of, has_time=dataset.split.has_time),
            **_of_artists(known, dataset, as_of),
            **_of_countries(known, dataset),
        )

    def country_share(self, country_rows: Rows, track_rows: Rows) -> Floats:
        """Return how much of a track's audience is in the query's country.

        Args:
            country_rows: [n] int32, -1 unknown.
            track_rows: [n, c] int32 tracks.

        Returns:
            [n, c] float32 share of the track's listens, drawn to the country's share of all listens; NaN where the
            country is unknown or not among the top 20.
        """
        if not len(self.country_shares):
            return np.full(track_rows.shape, np.nan, np.float32)
        shares = np.where(country_rows >= 0, self.country_shares[country_rows], np.float32(np.nan))
        plays = (self.track_listens, PRIOR_PLAYS)
        return of_countries(track_rows, self._countries_of_tracks, (country_rows, shares), plays)

    @cached_property
    def _countries_of_tracks(self) -> tuple[Int64s, Rows, Floats]:
        """Offsets [num_tracks + 1] and, of each track, its countries and the listens there."""
        width = max(len(self.track_listens), 1)
        order = np.argsort(self.country_keys % width, kind="stable")
        countries, tracks = np.divmod(self.country_keys[order], width)
        counts = np.bincount(tracks, minlength=len(self.track_listens))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return offsets, countries.astype(np.int32), self.country_listens[order]

    @cached_property
    def of_tracks(self) -> Floats:
        """[num_tracks, 6] float32 what a ranker reads of a track, in the order of `TRACK_COLUMNS`."""
        week, month = self.track_listens_7d, self.track_listens_28d
        columns = (
            np.log1p(self.track_listens),
            np.log1p(week),
            np.log((week + 1) / (month / 4 + 1)),
            np.log1p(self.track_listeners),
            self.track_skip_rate,
            self.track_save_rate,
        )
        return np.stack(columns, axis=1).astype(np.float32)

    @cached_property
    def of_artists(self) -> Floats:
        """[num_artists, 3] float32 what a ranker reads of an artist, in the order of `ARTIST_COLUMNS`."""
        counts = (self.artist_listens, self.artist_listeners, self.artist_tracks)
        return np.log1p(np.stack(counts, axis=1)).astype(np.float32)

    def save(self, directory: Path) -> None:
        """Write `statistics.arrow`: one row, each column one list."""
        table = {item.name: _one_list(getattr(self, item.name)) for item in fields(self)}
        write_table(pa.table(table), directory / FILE)

    @classmethod
    def load(cls, directory: Path) -> "Statistics":
        """Memory-map what `save` wrote.

        Raises:
            IntegrityError: The file is missing, not whole, or has other columns.
        """
        table = read_table(directory / FILE)
        names = [item.name for item in fields(cls)]
        if table.column_names != names:
            raise IntegrityError(
                f"{directory / FILE} has the columns {', '.join(table.column_names)}, but this version needs "
                f"{', '.join(names)}; build the bundle again."
            )
        columns = [table.column(name).combine_chunks().flatten() for name in names]
        return cls(*(column.to_numpy(zero_copy_only=False) for column in columns))


def _one_list(values: npt.NDArray[np.generic]) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), pa.array(values))


def _of_tracks(known: Interactions, num_tracks: int, as_of: int, *, has_time: bool) -> dict[str, Any]:
    liked = known.where(known.positive)
    plays = _counts(known.track_rows, num_tracks)
    skips = np.bincount(known.track_rows, np.maximum(-known.strengths, 0), num_tracks).astype(np.float64)
    saves = _counts(known.track_rows[known.strengths > LISTEN_STRENGTH], num_tracks)
    return {
        "track_listens": _counts(liked.track_rows, num_tracks).astype(np.float32),
        "track_listens_7d": _since(liked, as_of, 7, num_tracks, has_time=has_time),
        "track_listens_28d": _since(liked, as_of, 28, num_tracks, has_time=has_time),
        "track_listeners": _distinct(liked.user_rows, liked.track_rows, num_tracks),
        "track_skip_rate": _smoothed(skips, plays),
        "track_save_rate": _smoothed(saves, plays),
        "track_first_seconds": _first(liked, num_tracks, has_time=has_time),
    }


def _counts(rows: Rows, length: int) -> npt.NDArray[np.float64]:
    return np.bincount(rows, minlength=length).astype(np.float64)


def _since(liked: Interactions, as_of: int, days: int, num_tracks: int, *, has_time: bool) -> Floats:
    if not has_time:
        return np.full(num_tracks, np.nan, np.float32)
    recent = liked.seconds >= as_of - days * SECONDS_PER_DAY
    return _counts(liked.track_rows[recent], num_tracks).astype(np.float32)


def _first(liked: Interactions, num_tracks: int, *, has_time: bool) -> Int64s:
    first = np.full(num_tracks, np.iinfo(np.int64).max)
    if has_time:
        np.minimum.at(first, liked.track_rows, liked.seconds)
    return np.where(first == np.iinfo(np.int64).max, NEVER, first)


def _distinct(users: Rows, columns: Rows, length: int) -> Floats:
    """Count distinct users by column."""
    pairs = np.unique(users.astype(np.int64) * max(length, 1) + columns)
    return _counts((pairs % max(length, 1)).astype(np.int32), length).astype(np.float32)


def _smoothed(events: npt.NDArray[np.float64], plays: npt.NDArray[np.float64]) -> Floats:
    everybody = events.sum() / max(plays.sum(), 1.0)
    return np.asarray((events + PRIOR_PLAYS * everybody) / (plays + PRIOR_PLAYS), np.float32)


def _of_artists(known: Interactions, dataset: Dataset, as_of: int) -> dict[str, Any]:
    liked = known.where(known.positive)
    all_artists, num_artists = dataset.catalogue.artist_rows, len(dataset.catalogue.artists)
    artists = all_artists[liked.track_rows]
    has_artist = artists >= 0
    is_out = _released(dataset.catalogue, known.track_rows, as_of)
    return {
        "artist_listens": _counts(artists[has_artist], num_artists).astype(np.float32),
        "artist_listeners": _distinct(liked.user_rows[has_artist], artists[has_artist], num_artists),
        "artist_tracks": _counts(all_artists[(all_artists >= 0) & is_out], num_artists).astype(np.float32),
    }


def _released(catalogue: Catalogue, played: Rows, as_of: int) -> npt.NDArray[np.bool_]:
    """Return [num_tracks] bool: what listeners could play before a moment, as far as dates or plays tell."""
    is_played = np.zeros(len(catalogue), np.bool_)
    is_played[played] = True
    days = catalogue.release_days
    is_played |= (days != UNKNOWN_DAY) & (days <= as_of // SECONDS_PER_DAY)
    return is_played


def _of_countries(known: Interactions, dataset: Dataset) -> dict[str, Any]:
    liked = known.where(known.positive)
    countries = dataset.users.country_rows[liked.user_rows]
    totals = _counts(countries[countries >= 0], len(dataset.users.countries))
    is_top = np.zeros(len(totals), np.bool_)
    is_top[np.argsort(-totals, kind="stable")[:TOP_COUNTRIES]] = True
    is_top &= totals > 0
    kept = (countries >= 0) & (is_top[countries] if len(totals) else False)
    keys = countries[kept].astype(np.int64) * len(dataset.catalogue) + liked.track_rows[kept]
    distinct, listens = np.unique(keys, return_counts=True)
    return {
        "country_shares": np.where(is_top, totals / max(totals.sum(), 1.0), np.nan).astype(np.float32),
        "country_keys": distinct.astype(np.int64),
        "country_listens": listens.astype(np.float32),
    }
