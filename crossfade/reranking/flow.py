"""The order of a radio's slate: tracks of one artist apart, and small steps of tempo, energy and loudness.

A slate is chosen by relevance; this only changes who of it comes when. The next track is the one of least cost among
those that are left: the number of better ones that it passes over, plus the weighted step from the track before it.
"""

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats, Queries
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

SOUND: Final = ("tempo_bpm", "energy", "loudness_db")
# The mean step between two tracks drawn at random from a normal distribution, in standard deviations (2 / sqrt(pi)):
# what is unknown neither attracts nor repels.
USUAL_STEP: Final = 1.128
# Dearer than any step or any number of places: distance of artists comes first.
UNDUE: Final = 1e6


class FlowRules(NamedTuple):
    """What orders a slate.

    Args:
        flow: How many places a step of one standard deviation is worth; 0 leaves sound out.
        artist_distance: So many tracks stand between two of one artist, wherever the chosen tracks allow; 0 is no rule.
    """

    flow: float = 0.0
    artist_distance: int = 0


class FlowColumns(NamedTuple):
    """What the order reads of a track, over all track rows.

    Args:
        artist_rows: [num_tracks] int32, -1 unknown (never kept apart).
        sound: [num_tracks, 3] float32 tempo, energy and loudness in standard deviations, NaN unknown.
    """

    artist_rows: Rows
    sound: Floats

    @classmethod
    def of(cls, catalogue: Catalogue) -> "FlowColumns":
        """Measure the catalogue's tracks; tempo by its logarithm, since 60 to 120 is a step like 90 to 180."""
        sound = catalogue.audio[:, [c.AUDIO_FEATURES.index(name) for name in SOUND]].astype(np.float64)
        tempo = sound[:, 0]
        sound[:, 0] = np.log2(tempo, out=np.full(len(tempo), np.nan), where=tempo > 0)
        return cls(catalogue.artist_rows, (sound / _deviations(sound)).astype(np.float32))


def _deviations(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the standard deviation of each column, 1 where it is unknown or nothing differs."""
    known = ~np.isnan(sound)
    counts = np.maximum(known.sum(axis=0), 1)
    apart = np.where(known, sound - np.where(known, sound, 0).sum(axis=0) / counts, 0)
    deviations = np.sqrt((apart**2).sum(axis=0) / counts)
    return np.where(deviations > 0, deviations, 1.0)


def in_flow(rows: Rows, chosen: Rows, queries: Queries, columns: FlowColumns, rules: FlowRules) -> Rows:
    """Order slates.

    Args:
        rows: [n, c] int32 candidate tracks.
        chosen: [n, k] int32 places in the candidates, best first, padded with -1 at the end.
        queries: The n histories that the slates go on from: the first step is from the last track that was wanted,
            and the last artists, skipped ones too, keep their distance.
        columns: Of all tracks.
        rules: Weight and distance.

    Returns:
        [n, k] int32 the same places in another order.
    """
    if not chosen.size or rules == FlowRules() or not len(columns.artist_rows):
        return chosen
    before = queries.last_tracks(max(rules.artist_distance, 1))
    wanted = queries.positives.last_tracks(1)[:, 0]
    typed = FlowRules(float(rules.flow), int(rules.artist_distance))
    return np.asarray(_in_flow((rows, chosen), (before, wanted), columns, typed))


@numba.njit(cache=True, nogil=True)
def _in_flow(slates, histories, columns, rules):  # type: ignore[no-untyped-def]
    """Order each of the slates (candidates [n, c], places [n, k]) after (last tracks [n, d], last wanted [n])."""
    (rows, chosen), (before, wanted) = slates, histories
    ordered = np.full(chosen.shape, -1, np.int32)
    for query in range(len(chosen)):
        left = chosen[query][chosen[query] >= 0]
        tracks = rows[query][left]
        order = _order(tracks, before[query], wanted[query], columns, rules)
        for slot in range(len(order)):
            ordered[query, slot] = left[order[slot]]
    return ordered


@numba.njit(cache=True, nogil=True)
def _order(tracks, before, last, columns, rules):  # type: ignore[no-untyped-def]
    """Return the order [m] of tracks [m] after the tracks `before`, most recent first."""
    num_tracks = len(tracks)
    group, left, due = _groups(tracks, before, columns.artist_rows, rules.artist_distance)
    order, is_placed = np.empty(num_tracks, np.int32), np.zeros(num_tracks, np.bool_)
    for slot in range(num_tracks):
        passed, least, best = 0.0, np.inf, -1
        for i in range(num_tracks):
            if is_placed[i]:
                continue
            cost = passed + UNDUE * max(0, due[group[i]] - slot)
            if rules.flow > 0:
                cost += rules.flow * _step(last, tracks[i], columns.sound)
            # An artist whose tracks would not fit any more if it came later comes now.
            if (left[group[i]] - 1) * (rules.artist_distance + 1) >= num_tracks - slot - 1:
                cost -= UNDUE / 2
            if cost < least:
                least, best = cost, i
            passed += 1.0
        order[slot], is_placed[best], last = best, True, tracks[best]
        left[group[best]] -= 1
        if columns.artist_rows[last] >= 0:
            due[group[best]] = slot + rules.artist_distance + 1
    return order


@numba.njit(cache=True, nogil=True)
def _groups(tracks, before, artist_rows, distance):  # type: ignore[no-untyped-def]
    """Number the artists of tracks [m]; return each track's, how many tracks each has, and from which slot it is due.

    Tracks of unknown artists are a group of their own each.
    """
    group, left = np.empty(len(tracks), np.int32), np.zeros(len(tracks), np.int64)
    due = np.zeros(len(tracks), np.int64)
    for i in range(len(tracks)):
        artist, group[i] = artist_rows[tracks[i]], i
        for j in range(i if artist >= 0 else 0):
            if artist_rows[tracks[j]] == artist:
                group[i] = group[j]
                break
        left[group[i]] += 1
        for ago in range(min(distance, len(before))):
            if group[i] == i and artist >= 0 and before[ago] >= 0 and artist_rows[before[ago]] == artist:
                due[i] = max(due[i], distance - ago)
    return group, left, due


@numba.njit(cache=True, nogil=True)
def _step(one, other, sound):  # type: ignore[no-untyped-def]
    """Return the mean step of sound between two tracks in standard deviations; -1 is an unknown track."""
    total = 0.0
    for i in range(sound.shape[1]):
        apart = abs(sound[one, i] - sound[other, i]) if one >= 0 else np.nan
        total += USUAL_STEP if np.isnan(apart) else apart
    return total / sound.shape[1]
