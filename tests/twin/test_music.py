"""The catalogue: discographies add up, genres and sound follow the place in the space of tastes."""

import numpy as np
import pytest

from crossfade.schema.columns import AUDIO_FEATURES
from crossfade.twin.genres import FAMILIES, FAMILY_OF, genre_centres
from crossfade.twin.music import NEVER, Music, make_music
from crossfade.twin.spec import TwinSpec
from crossfade.twin.words import MOODS

SPEC = TwinSpec(num_users=1, num_tracks=6_000, num_days=60)


@pytest.fixture(scope="module")
def music() -> Music:
    return make_music(SPEC, np.random.default_rng(3))


def test_discographies_cover_all_tracks_in_order_of_release(music: Music) -> None:
    releases = music.releases
    assert releases.sizes.sum() == SPEC.num_tracks
    assert releases.sizes.min() >= 1
    assert releases.sizes.max() <= 14
    assert np.array_equal(np.unique(releases.artist_rows), np.arange(SPEC.artists))
    assert np.array_equal(np.diff(music.first_tracks), np.bincount(music.artist_rows))
    same_artist = np.diff(releases.artist_rows) == 0
    assert (np.diff(releases.days)[same_artist] >= 0).all()


def test_there_are_singles_and_albums_old_and_new(music: Music) -> None:
    sizes, days = music.releases.sizes, music.releases.days
    assert np.mean(sizes <= 2) > 0.3
    assert np.mean(sizes >= 8) > 0.15
    assert days.max() < SPEC.num_days
    assert 0.02 < np.mean(music.release_days >= 0) < 0.12
    newcomers = days[music.releases.first_releases[:-1]] >= 0
    assert 0 < newcomers.sum() < 0.08 * SPEC.artists
    assert np.median(days) < -365


def test_families_lie_apart_and_subgenres_near_their_family() -> None:
    centres = genre_centres(np.random.default_rng(1))
    cosine = centres @ centres.T
    same = FAMILY_OF[:, None] == FAMILY_OF
    off_diagonal = ~np.eye(len(centres), dtype=bool)
    assert cosine[same & off_diagonal].mean() > 0.5
    assert abs(cosine[~same].mean()) < 0.1


def test_an_artists_neighbours_are_the_nearest(music: Music) -> None:
    latents = music.artists.latents
    cosine = latents[7] @ latents.T
    cosine[7] = -1
    assert music.artists.neighbours[7].tolist() == np.argsort(-cosine, kind="stable")[:24].tolist()


def test_an_only_artist_is_their_own_neighbour() -> None:
    only = make_music(TwinSpec(num_users=1, num_tracks=3, num_artists=1), np.random.default_rng(1))
    assert only.artists.neighbours.tolist() == [[0]]
    assert (only.featured == -1).all()


def test_sound_follows_the_genre_and_the_place(music: Music) -> None:
    families = music.artists.families[music.artist_rows]
    energy = music.sound.features[:, AUDIO_FEATURES.index("energy")]
    names = [family.name for family in FAMILIES]
    assert energy[families == names.index("metal")].mean() > 0.8
    assert energy[families == names.index("classical")].mean() < 0.3
    loudness = music.sound.features[:, AUDIO_FEATURES.index("loudness_db")]
    assert np.corrcoef(energy, loudness)[0, 1] > 0.7
    # Audio vectors are a noisy projection: neighbours in the space of tastes sound alike.
    vectors = music.sound.vectors / np.linalg.norm(music.sound.vectors, axis=1, keepdims=True)
    rows = np.random.default_rng(1).integers(SPEC.num_tracks, size=(2, 5_000))
    taste = np.sum(music.latents[rows[0]] * music.latents[rows[1]], axis=1)
    heard = np.sum(vectors[rows[0]] * vectors[rows[1]], axis=1)
    assert 0.5 < np.corrcoef(taste, heard)[0, 1] < 0.95


def test_moods_suit_what_they_should(music: Music) -> None:
    energy = music.sound.features[:, AUDIO_FEATURES.index("energy")]
    valence = music.sound.features[:, AUDIO_FEATURES.index("valence")]
    fit = dict(zip(MOODS, music.sound.mood_fit, strict=True))
    assert np.corrcoef(fit["Workout"], energy)[0, 1] > 0.5
    assert np.corrcoef(fit["Chill"], energy)[0, 1] < -0.5
    assert np.corrcoef(fit["Happy"], valence)[0, 1] > 0.5
    assert np.abs(music.sound.mood_fit).max() <= 1


def test_appeal_begins_with_the_release_fades_and_ends_with_the_withdrawal(music: Music) -> None:
    fresh = int(np.flatnonzero(music.release_days == music.release_days[music.release_days >= 5].min())[0])
    day = int(music.release_days[fresh])
    assert music.appeal(day - 1)[fresh] == 0
    assert music.appeal(day)[fresh] > music.appeal(day + 20)[fresh] > 0
    withdrawn = int(np.flatnonzero(music.withdrawn_days != NEVER)[0])
    day = int(music.withdrawn_days[withdrawn])
    assert music.appeal(day)[withdrawn] == 0
    viral = int(
        np.flatnonzero((music.viral_days < 40) & (music.viral_days > 1) & (music.release_days < -400))[0]
    )
    day = int(music.viral_days[viral])
    assert music.appeal(day)[viral] > 5 * music.appeal(day - 1)[viral]
