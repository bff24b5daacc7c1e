"""Plants what a lake must tell apart: farms and hijacked accounts, and superfans and travellers, who only look odd."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.audience import Audience, make_audience
from crossfade.twin.countries import COUNTRIES
from crossfade.twin.draws import Ints, Places
from crossfade.twin.farms import farm_plays
from crossfade.twin.kinds import Account
from crossfade.twin.logbook import DAY_MS, Log, join
from crossfade.twin.music import Music
from crossfade.twin.odd_listeners import intruder_plays, superfan_plays
from crossfade.twin.planted_plays import Scene
from crossfade.twin.spec import TwinSpec

FARMED_PLACE: Final = 0.2  # of artists by popularity: known well enough to be recommended, but not famous
LEAST_FARMED_TRACKS: Final = 5
MOST_DAYS_ABROAD: Final = 6
_SINGLED_OUT: Final = (Account.SUPERFAN, Account.HIJACKED, Account.TRAVELLER)


@dataclass(frozen=True)
class Planted:
    """A log and its accounts, with what was planted.

    Args:
        audience: The listeners, then those whom farm accounts pose as.
        log: Events of all accounts, in order of time.
        accounts: [num_accounts] int8 an `Account`.
        farmed_artists: [0 or 1] int32 the artist for whom the farm and some intruders play.
    """

    audience: Audience
    log: Log
    accounts: npt.NDArray[np.int8]
    farmed_artists: Ints


def plant(spec: TwinSpec, music: Music, audience: Audience, log: Log, rng: np.random.Generator) -> Planted:
    """Add to a log what the spec asks for; the listeners' own events stay as they are, but for a traveller's country."""
    accounts = _accounts(spec, log, rng)
    if not accounts.any():
        return Planted(audience, log, accounts, np.empty(0, np.int32))
    farmed = farmed_artist(music)
    whole = with_farm_accounts(spec, music, audience, rng)
    own = _abroad(spec, log, np.flatnonzero(accounts == Account.TRAVELLER), rng)
    scene = Scene(spec, music, own, farmed, rng)
    added: list[Log] = []
    for make, kind in (
        (superfan_plays, Account.SUPERFAN),
        (farm_plays, Account.FARM),
        (intruder_plays, Account.HIJACKED),
    ):
        members = np.flatnonzero(accounts == kind)
        if len(members):
            first_session = int(max(log.sessions.max(initial=-1) for log in (own, *added))) + 1
            plays = make(scene, members, whole.countries[members])
            added.append(plays.log(music, first_session, spec.num_days))
    return Planted(whole, join([own, *added]), accounts, np.array([farmed], np.int32))


def farmed_artist(music: Music) -> int:
    """Return the artist at a fifth of the way from the most to the least popular, of those with enough tracks out."""
    out = np.bincount(music.artist_rows[music.release_days <= 0], minlength=len(music.artists.popularity))
    enough = np.flatnonzero(out >= min(LEAST_FARMED_TRACKS, out.max()))
    by_popularity = enough[np.argsort(-music.artists.popularity[enough], kind="stable")]
    return int(by_popularity[int(FARMED_PLACE * len(by_popularity))])


def _accounts(spec: TwinSpec, log: Log, rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """Return [num_accounts] what each account is; only listeners who have listened are made odd."""
    accounts = np.full(spec.num_accounts, Account.LISTENER, np.int8)
    accounts[spec.num_users :] = Account.FARM
    listening = rng.permutation(np.unique(log.users))
    shares = (spec.superfan_share, spec.hijacked_share, spec.traveller_share)
    ends = np.cumsum([round(spec.num_users * share) for share in shares])
    for kind, members in zip(_SINGLED_OUT, np.split(listening, ends)[:-1], strict=True):
        accounts[members] = kind
    return accounts


def with_farm_accounts(
    spec: TwinSpec, music: Music, audience: Audience, rng: np.random.Generator
) -> Audience:
    """Return the audience with those whom farm accounts pose as behind it; itself where the spec asks for no farm."""
    if not spec.num_farm_accounts:
        return audience
    posed = make_audience(replace(spec, num_users=spec.num_farm_accounts), music.artists, rng)
    columns: dict[str, npt.NDArray[Any]] = {
        field.name: np.concatenate([getattr(audience, field.name), getattr(posed, field.name)])
        for field in fields(Audience)
    }
    return Audience(**columns)


def _abroad(spec: TwinSpec, log: Log, travellers: Places, rng: np.random.Generator) -> Log:
    """Move travellers' events of some days to another country."""
    leaves, returns = np.zeros((2, spec.num_accounts), np.int64)
    leaves[travellers] = rng.integers(0, spec.num_days, len(travellers)) * DAY_MS
    returns[travellers] = leaves[travellers] + rng.integers(1, MOST_DAYS_ABROAD + 1, len(travellers)) * DAY_MS
    away = (leaves[log.users] <= log.times_ms) & (log.times_ms < returns[log.users])
    further = rng.integers(1, len(COUNTRIES), spec.num_accounts)[log.users]
    elsewhere = ((log.countries + further) % len(COUNTRIES)).astype(np.int32)
    return replace(log, countries=np.where(away, elsewhere, log.countries))
