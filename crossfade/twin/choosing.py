"""What is played in a session: one function for each context, vectorised over all sessions of a day."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.countries import COUNTRIES
from crossfade.twin.draws import Ints, Places, gumbels, places_within
from crossfade.twin.memory import DISLIKED, HEARD, library_order
from crossfade.twin.moment import Moment
from crossfade.twin.offers import Bools, Offers
from crossfade.twin.playlists import EDITORIAL_TRACKS, OWN_TRACKS
from crossfade.twin.sessions import Sessions
from crossfade.twin.situations import ALBUM, BROWSE, COMMUTE, LIBRARY, NEW_RELEASES, PLAYLIST, RADIO
from crossfade.twin.tastes import cosines, pooled
from crossfade.twin.words import MOODS

_CANDIDATES: Final = 20  # tracks that a listener or a radio weighs against each other for one listen
_NEW_RUN: Final = 0.45  # chance that a browsing listener turns to another artist
_FRESH_DAYS: Final = 21
_KNOWN_ALBUM: Final = 0.3  # of album sessions start from a track in the library
_SEED_SHARE: Final = 0.12  # of a radio's candidates are by the seed's artist
_PERSONAL_SHARE: Final = 0.3  # ... and by artists to whom the listener turns anyway
_OWN_SHARE: Final = 0.6  # of playlist sessions of those who have playlists
_CHART_SHARE: Final = 0.2  # of the others
_MOOD_SHARE: Final = 0.15
_PERSONAL: Final = np.float32(1.0)  # how much taste decides what is played of a list that somebody else made
_MOOD: Final = np.float32(0.8)
_FOCUS: Final = np.float32(2.0)
_SAME_INTEREST: Final = np.float32(1.2)
_HEARD: Final = np.float32(4.5)
_KNOWN_ARTIST: Final = np.float32(1.5)
_HEARD_OF_LIST: Final = np.float32(1.5)
_NEVER: Final = np.float32(20.0)


def choose(moment: Moment, sessions: Sessions, offers: Offers, opened: Bools) -> tuple[Places, Ints]:
    """Choose the tracks of all sessions.

    Args:
        moment: The day.
        sessions: Of the day.
        offers: What a service offers.
        opened: [s] bool, sessions that play of it.

    Returns:
        [n] int64 session and [n] int32 track of each listen, in order; nothing that is not out, withdrawn or
        unwanted, and nothing twice in a session.
    """
    owners = np.repeat(np.arange(len(sessions)), sessions.sizes)
    positions = places_within(sessions.sizes)
    tracks = np.full(len(owners), -1, np.int32)
    for context, chooser in _CHOOSERS.items():
        mine = np.flatnonzero(sessions.contexts[owners] == context)
        tracks[mine] = chooser(moment, sessions, owners[mine], positions[mine])
    mine = np.flatnonzero(opened[owners])
    if len(mine):
        tracks[mine] = offers.played(moment, sessions, owners[mine], positions[mine])
    kept = np.flatnonzero(tracks >= 0)
    kept = kept[moment.playable(sessions.users[owners[kept]], tracks[kept])]
    _, first = np.unique(owners[kept] * len(moment.appeal) + tracks[kept], return_index=True)
    kept = kept[np.sort(first)]
    return owners[kept], tracks[kept]


def _from_library(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
    """Favourites by weight, those of the mood and the interest of the hour first; none twice."""
    asked, rows = np.unique(owners, return_inverse=True)
    users = sessions.users[asked]
    library = moment.memory.library[users]
    extra = _MOOD * moment.music.sound.mood_fit[sessions.moods[asked, None], library]
    extra += _SAME_INTEREST * (moment.memory.interests[users] == sessions.focus[asked, None])
    order = library_order(moment.memory, users, moment.day, extra, moment.rng)
    positions = _mixed(moment, owners, positions)
    enough = positions < library.shape[1]
    places = order[rows, np.where(enough, positions, 0)]
    return np.where(enough, library[rows, places], -1).astype(np.int32)


def _mixed(moment: Moment, owners: Places, positions: Places) -> Places:
    """Return the positions in random order within each session: the best of what is chosen need not come first."""
    return np.asarray(positions[np.lexsort((moment.uniforms(len(owners)), owners))])


def _from_playlist(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
    """An own playlist in order from a random place, or shuffled; other lists by what suits."""
    asked, rows = np.unique(owners, return_inverse=True)
    users = sessions.users[asked]
    tracks, is_own = _picked_playlists(moment, sessions, asked)
    width = tracks.shape[1]
    sizes = np.maximum(np.sum(tracks >= 0, axis=1), 1)
    starts = (moment.uniforms(len(asked)) * sizes).astype(np.int64)
    turned = (np.arange(width) - starts[:, None]) % sizes[:, None]
    cosine = cosines(moment.interests[users], moment.music.latents[tracks])
    wishes = moment.boldness[users, None] * pooled(cosine, moment.audience.log_shares[users])
    heard = (moment.memory.marks[users[:, None], tracks] & HEARD) > 0
    suiting = -(_PERSONAL * wishes - _HEARD_OF_LIST * heard + gumbels(moment.rng, wishes.shape))
    own = np.where(sessions.shuffle[asked, None], moment.uniforms(len(asked), width), turned)
    keys = np.where(is_own[:, None], own, suiting)
    order = np.argsort(np.where(tracks >= 0, keys, np.inf), axis=1)
    positions = np.where(is_own[rows], positions, _mixed(moment, owners, positions))
    enough = positions < sizes[rows]
    return np.where(enough, tracks[rows, order[rows, np.where(enough, positions, 0)]], -1).astype(np.int32)


def _picked_playlists(
    moment: Moment, sessions: Sessions, asked: Places
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Pick an own playlist, a chart, or an editors' list of the mood or the interest of the hour.

    Returns:
        [len(asked), 50] int32 tracks, -1 padded, and [len(asked)] bool: it is the listener's own.
    """
    users = sessions.users[asked]
    made = moment.own.days[users] <= moment.day
    mine = np.argmax(made + moment.uniforms(*made.shape), axis=1)
    kind = moment.uniforms(len(asked))
    by_taste = len(COUNTRIES) + len(MOODS) + moment.audience.interest_genres[users, sessions.focus[asked]]
    by_mood = len(COUNTRIES) + sessions.moods[asked]
    edited = np.where(kind < _CHART_SHARE + _MOOD_SHARE, by_mood, by_taste)
    edited = np.where(kind < _CHART_SHARE, moment.audience.countries[users], edited)
    is_own = made[np.arange(len(asked)), mine] & (moment.uniforms(len(asked)) < _OWN_SHARE)
    own = np.full((len(asked), EDITORIAL_TRACKS), -1, np.int32)
    own[:, :OWN_TRACKS] = moment.own.tracks[users, mine]
    return np.where(is_own[:, None], own, moment.editorial[edited]), is_own


def _from_album(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
    """A release from its first track on, then the artist's next one, in order of release."""
    asked, rows = np.unique(owners, return_inverse=True)
    users = sessions.users[asked]
    known = moment.memory.recall(users, moment.day, moment.rng)
    is_known = (moment.uniforms(len(users)) < _KNOWN_ALBUM) & (known >= 0)
    track = np.where(is_known, known, _discovered(moment, sessions, asked))
    artists = moment.music.artist_rows[track]
    first = moment.music.first_tracks[artists]
    start = moment.music.releases.first_tracks[moment.music.release_rows[track]] - first
    total = np.maximum(moment.released[artists], 1)
    tracks = first[rows] + (start[rows] + positions) % total[rows]
    return np.where(positions < total[rows], tracks, -1).astype(np.int32)


def _from_radio(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
    """Tracks by artists near that of a seed track from the library, those first that suit the listener."""
    asked, rows = np.unique(owners, return_inverse=True)
    users = sessions.users[asked]
    known = moment.memory.recall(users, moment.day, moment.rng)
    seeds = np.where(known >= 0, moment.music.artist_rows[known], moment.seek(users))
    neighbours = moment.music.artists.neighbours
    shape = (len(positions), _CANDIDATES)
    steps = (moment.uniforms(*shape) ** 2 * neighbours.shape[1]).astype(np.int64)
    artists = neighbours[seeds[rows, None], steps]
    kind = moment.uniforms(*shape)
    artists = np.where(kind < _SEED_SHARE, seeds[rows, None], artists)
    personal = kind > 1 - _PERSONAL_SHARE
    artists[personal] = moment.seek(np.broadcast_to(sessions.users[owners][:, None], shape)[personal])
    return _best(moment, sessions, owners, moment.tracks_of(artists, moment.uniforms(*shape)))


def _from_browsing(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
    """Something unknown that suits, then perhaps more of that artist, then something else."""
    starts = (moment.uniforms(len(positions)) < _NEW_RUN) | (positions == 0)
    found = _discovered(moment, sessions, owners[starts])
    artists = moment.music.artist_rows[found[np.cumsum(starts) - 1]]
    shape = (len(positions), _CANDIDATES)
    more = moment.tracks_of(np.broadcast_to(artists[:, None], shape), moment.uniforms(*shape))
    tracks = _best(moment, sessions, owners, more)
    tracks[starts] = found
    return tracks


def _discovered(moment: Moment, sessions: Sessions, owners: Places) -> Ints:
    """Return a track that suits for each of [n] sessions: of some met by chance, one of the best."""
    shape = (len(owners), _CANDIDATES)
    artists = moment.seek(np.repeat(sessions.users[owners], _CANDIDATES)).reshape(shape)
    return _best(moment, sessions, owners, moment.tracks_of(artists, moment.uniforms(*shape)))


def _from_new_releases(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
    """What came out lately, by affinity, popularity and acquaintance; browsing if nothing did."""
    music = moment.music
    fresh = np.flatnonzero((moment.appeal > 0) & (music.release_days > moment.day - _FRESH_DAYS))
    if not len(fresh):
        return _from_browsing(moment, sessions, owners, positions)
    asked, rows = np.unique(owners, return_inverse=True)
    users = sessions.users[asked]
    known = np.log1p(moment.memory.familiarity[users[:, None], music.artist_rows[fresh]])
    taste = pooled(cosines(moment.interests[users], music.latents[fresh]), moment.audience.log_shares[users])
    wishes = moment.boldness[users, None] * taste + _KNOWN_ARTIST * known
    wishes += 0.5 * np.log(moment.appeal[fresh]).astype(np.float32)
    wishes -= _HEARD * ((moment.memory.marks[users[:, None], fresh] & HEARD) > 0)
    order = np.argsort(-(wishes + gumbels(moment.rng, wishes.shape)), axis=1)
    positions = _mixed(moment, owners, positions)
    enough = positions < len(fresh)
    return np.where(enough, fresh[order[rows, np.where(enough, positions, 0)]], -1).astype(np.int32)


def _best(moment: Moment, sessions: Sessions, owners: Places, candidates: Places) -> Ints:
    """Draw one of [n, m] candidates for each listen: by affinity, mood and interest, unheard first."""
    users = sessions.users[owners]
    cosine = cosines(moment.interests[users], moment.music.latents[candidates])
    focused = cosine[np.arange(len(owners)), sessions.focus[owners]]
    taste = pooled(cosine, moment.audience.log_shares[users])
    marks = moment.memory.marks[users[:, None], candidates]
    wishes = moment.boldness[users, None] * taste + _FOCUS * focused
    wishes += _MOOD * moment.music.sound.mood_fit[sessions.moods[owners, None], candidates]
    wishes -= _HEARD * ((marks & HEARD) > 0) + _NEVER * ((marks & DISLIKED) > 0)
    best = np.argmax(wishes + gumbels(moment.rng, wishes.shape), axis=1)
    return np.asarray(candidates[np.arange(len(owners)), best], np.int32)


_CHOOSERS: Final[dict[int, Callable[[Moment, Sessions, Places, Places], Ints]]] = {
    LIBRARY: _from_library,
    COMMUTE: _from_library,
    PLAYLIST: _from_playlist,
    ALBUM: _from_album,
    RADIO: _from_radio,
    BROWSE: _from_browsing,
    NEW_RELEASES: _from_new_releases,
}
