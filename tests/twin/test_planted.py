"""What is planted is there as asked, known to the truth, and leaves the listeners' own events as they were."""

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.twin.kinds import Account, Origin
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import Twin, simulate

CLEAN = TwinSpec(num_users=300, num_tracks=900, num_days=21, seed=4)
PLANTED = replace(CLEAN, farm_share=0.02, superfan_share=0.02, hijacked_share=0.02, traveller_share=0.02)


@pytest.fixture(scope="module")
def clean() -> Twin:
    return simulate(CLEAN)


@pytest.fixture(scope="module")
def planted() -> Twin:
    return simulate(PLANTED)


def _users(twin: Twin) -> np.ndarray:
    return pc.index_in(twin.events[c.USER_ID], twin.users[c.USER_ID].combine_chunks()).to_numpy()


def test_accounts_and_shares_are_those_of_the_spec(planted: Twin) -> None:
    truth = planted.truth
    assert np.bincount(truth.accounts).tolist() == [282, 6, 6, 6, 6]
    assert planted.users.num_rows == PLANTED.num_accounts == 306
    assert (truth.accounts[300:] == Account.FARM).all()
    assert len(truth.interests_end) == 306
    is_listen = pc.is_valid(planted.events[c.PLAYED_MS]).to_numpy()
    # Of what listeners play by themselves, 0.02 / 0.98; plays beyond the window and before releases are lost.
    own = (truth.origins[is_listen] == Origin.OWN) & (
        truth.accounts[_users(planted)[is_listen]] != Account.SUPERFAN
    )
    assert 0.015 < (truth.origins[is_listen] == Origin.FARM).sum() / own.sum() < 0.025
    assert set(truth.accounts[_users(planted)[truth.origins == Origin.FARM]]) == {Account.FARM}
    assert set(truth.accounts[_users(planted)[truth.origins == Origin.INTRUDER]]) == {Account.HIJACKED}


def test_the_listeners_own_events_stay_as_they_were(clean: Twin, planted: Twin) -> None:
    def told(twin: Twin, rows: np.ndarray) -> list[tuple[object, ...]]:
        events = twin.events.filter(rows)
        names = (c.TRACK_ID, c.EVENT_TYPE, c.TIMESTAMP, c.PLAYED_MS, c.COUNTRY)
        columns = [events[name].to_pylist() for name in names]
        return sorted(zip(_users(twin)[rows].tolist(), *columns, strict=True), key=str)

    plain = np.isin(planted.truth.accounts, (Account.LISTENER, Account.HIJACKED))
    own = plain[_users(planted)] & (planted.truth.origins == Origin.OWN)
    same = plain[:300][_users(clean)]
    assert told(planted, own) == told(clean, same)
    assert clean.tracks.equals(planted.tracks)


def test_the_farm_plays_for_one_artist_just_over_30_s(planted: Twin) -> None:
    farm = planted.events.filter(planted.truth.origins == Origin.FARM)
    (artist,) = planted.truth.farmed_artists
    farmed = farm.filter(pc.equal(farm[c.ARTIST_ID], planted.artists[c.ARTIST_ID][int(artist)]))
    assert 0.5 < farmed.num_rows / farm.num_rows < 0.95
    assert pc.min(farmed[c.PLAYED_MS]).as_py() > 30_000
    assert pc.max(farmed[c.PLAYED_MS]).as_py() < 58_000


def test_superfans_play_one_artist_to_the_end(planted: Twin) -> None:
    users, accounts = _users(planted), planted.truth.accounts
    for fan in np.flatnonzero(accounts == Account.SUPERFAN):
        listens = planted.events.filter((users == fan) & pc.is_valid(planted.events[c.PLAYED_MS]).to_numpy())
        artists = np.array(listens[c.ARTIST_ID].to_pylist())
        _, counts = np.unique(artists, return_counts=True)
        assert counts.max() / counts.sum() > 0.3
        assert np.median(listens[c.PLAYED_SHARE].to_numpy()) > 0.9


def test_intruders_and_travellers_are_abroad(planted: Twin) -> None:
    users, accounts = _users(planted), planted.truth.accounts
    home = planted.users[c.COUNTRY].take(users)
    is_abroad = pc.not_equal(home, planted.events[c.COUNTRY]).to_numpy()
    assert is_abroad[planted.truth.origins == Origin.INTRUDER].all()
    own = is_abroad & (planted.truth.origins == Origin.OWN)
    assert set(accounts[users[own]]) == {Account.TRAVELLER}


def test_nothing_planted_is_heard_before_its_release_or_outside_of_the_window(planted: Twin) -> None:
    rows = pc.index_in(planted.events[c.TRACK_ID], planted.tracks[c.TRACK_ID].combine_chunks())
    released = planted.tracks["release_date"].take(rows).cast("int32").to_numpy()
    days = planted.events[c.TIMESTAMP].cast("int64").to_numpy() // 86_400_000_000
    assert (days >= released).all()
    assert days.max() < CLEAN.start_day + CLEAN.num_days


def test_without_planting_everything_is_the_listeners_own(clean: Twin) -> None:
    assert not clean.truth.accounts.any()
    assert not clean.truth.origins.any()
    assert len(clean.truth.farmed_artists) == 0


@pytest.mark.parametrize("name", ["farm_share", "superfan_share", "hijacked_share", "traveller_share"])
def test_a_share_out_of_range_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be from 0.0 to 0.2, got 0.3"):
        TwinSpec(**{name: 0.3})  # type: ignore[arg-type]
