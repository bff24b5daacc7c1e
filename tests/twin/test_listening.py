"""How the twin's listeners behave: sessions, choices and skips depend on what they should depend on."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema.tables import EventType
from crossfade.twin.countries import COUNTRIES
from crossfade.twin.portrait import Listens, means_by_quintile
from crossfade.twin.twin import Twin

HALF_HOUR = 1_800


def _contexts(listens: Listens) -> np.ndarray:
    return listens.table["context"].to_numpy().astype(str)


def _skip_probability(listens: Listens) -> np.ndarray:
    return listens.twin.truth.skip_probability[listens.mask]


def _left_early(listens: Listens) -> np.ndarray:
    """A track that is not skipped lasts 99 % at least, unless it is the last one of its session."""
    duration = listens.twin.tracks["duration_ms"].to_numpy()[listens.tracks]
    return listens.table["played_ms"].to_numpy() < 0.985 * duration


def _is_last(listens: Listens) -> np.ndarray:
    lengths = np.bincount(listens.sessions)
    return listens.positions == lengths[listens.sessions] - 1


def test_skips_fall_with_affinity(listens: Listens) -> None:
    means = means_by_quintile(listens.skipped, listens.affinity)
    assert means == sorted(means, reverse=True)
    assert means[0] > 3 * means[-1]


def test_skips_fall_with_the_fit_to_the_mood_at_equal_affinity(listens: Listens) -> None:
    usual = np.abs(listens.affinity - np.median(listens.affinity)) < 0.08
    probability = _skip_probability(listens)
    mood_fit = listens.twin.truth.event_mood_fit[listens.mask]
    means = means_by_quintile(probability[usual], mood_fit[usual])
    assert means == sorted(means, reverse=True)


def test_skips_depend_on_position_and_context(listens: Listens) -> None:
    probability, liked, contexts = _skip_probability(listens), listens.affinity > 0.6, _contexts(listens)
    at_first = probability[liked & (listens.positions == 0)].mean()
    settled = probability[liked & (listens.positions >= 3) & (listens.positions < 8)].mean()
    assert at_first > settled + 0.02
    commute = probability[liked & (contexts == "commute")].mean()
    album = probability[liked & (contexts == "album")].mean()
    assert commute > album + 0.05


def test_skips_happen_as_often_as_their_probability_says(listens: Listens) -> None:
    inside = ~_is_last(listens)
    skipped, expected = _left_early(listens)[inside], _skip_probability(listens)[inside]
    assert abs(skipped.mean() - expected.mean()) < 0.01
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1)):
        chosen = (expected >= low) & (expected < high)
        assert abs(skipped[chosen].mean() - expected[chosen].mean()) < 0.03


def test_what_suits_less_is_skipped_sooner(listens: Listens) -> None:
    skipped = _left_early(listens) & ~_is_last(listens)
    at_once = listens.table["played_ms"].to_numpy()[skipped] < 10_000
    means = means_by_quintile(at_once, listens.affinity[skipped])
    assert means == sorted(means, reverse=True)
    assert means[0] > 1.5 * means[-1]


def test_sessions_of_a_listener_do_not_overlap(twin: Twin) -> None:
    listens = twin.events.filter(pc.equal(twin.events["event_type"], EventType.LISTEN))
    users, sessions = listens["user_id"].to_numpy(), listens["session_id"].to_numpy()
    seconds = listens["timestamp"].cast(pa.int64()).to_numpy() / 1e6
    order = np.lexsort((seconds, users))
    ends = seconds[order] + listens["played_ms"].to_numpy()[order] / 1e3
    same_user = users[order][1:] == users[order][:-1]
    same_session = sessions[order][1:] == sessions[order][:-1]
    gaps = seconds[order][1:] - ends[:-1]
    assert gaps[same_user].min() > -0.01
    assert gaps[same_user & ~same_session].min() > HALF_HOUR
    assert gaps[same_user & same_session].max() < HALF_HOUR
    # A session is one stretch of its listener's time.
    assert (same_user & ~same_session).sum() + len(np.unique(users)) == len(np.unique(sessions))


def test_albums_are_played_in_sequence(listens: Listens) -> None:
    contexts = _contexts(listens)
    album = np.flatnonzero(contexts == "album")
    order = album[np.lexsort((listens.seconds[album], listens.users[album]))]
    follows = listens.positions[order][1:] == listens.positions[order][:-1] + 1
    steps = np.diff(listens.tracks[order].astype(np.int64))[follows]
    assert np.mean(steps == 1) > 0.85
    radio = np.flatnonzero(contexts == "radio")
    order = radio[np.lexsort((listens.seconds[radio], listens.users[radio]))]
    assert np.mean(np.diff(listens.tracks[order].astype(np.int64)) == 1) < 0.2


def test_discovery_follows_affinity_and_popularity(twin: Twin, listens: Listens) -> None:
    found = np.isin(_contexts(listens), ["browse", "radio"])
    rng = np.random.default_rng(1)
    users, tracks = listens.users[found], listens.tracks[found]
    by_chance = rng.integers(twin.spec.num_tracks, size=len(users)).astype(np.int32)
    assert listens.affinity[found].mean() > twin.affinity(users, by_chance).mean() + 0.3
    weights = np.log(twin.truth.track_weights)
    assert weights[tracks].mean() > weights.mean() + 0.5


def test_new_releases_are_new(twin: Twin, listens: Listens) -> None:
    contexts = _contexts(listens)
    age = listens.seconds / 86_400 - twin.tracks["release_date"].cast(pa.int32()).to_numpy()[listens.tracks]
    assert np.mean(age[contexts == "new_releases"] < 22) > 0.9
    assert np.mean(age[contexts == "library"] < 22) < 0.1


def test_reactions_show_taste_and_happen_once(twin: Twin, listens: Listens) -> None:
    events = twin.events
    tracks = listens.affinity.mean()
    for event_type, above in (("save", True), ("like", True), ("add_to_playlist", True), ("dislike", False)):
        chosen = events.filter(pc.equal(events["event_type"], event_type))
        pairs = chosen.group_by(["user_id", "track_id"]).aggregate([([], "count_all")])
        assert pairs.num_rows == chosen.num_rows > 50
        users = pc.index_in(chosen["user_id"], twin.users["user_id"]).to_numpy()
        rows = pc.index_in(chosen["track_id"], twin.tracks["track_id"]).to_numpy()
        assert (twin.affinity(users, rows).mean() > tracks) == above
    follows = events.filter(pc.equal(events["event_type"], "follow"))
    assert follows.group_by(["user_id", "artist_id"]).aggregate([]).num_rows == follows.num_rows > 50


def test_commutes_are_in_the_morning_and_on_weekdays(twin: Twin) -> None:
    british = pc.and_(pc.equal(twin.events["country"], "GB"), pc.equal(twin.events["context"], "commute"))
    commutes = twin.events.filter(british)["timestamp"]
    assert pc.mean(pc.less(pc.hour(commutes), 12)).as_py() > 0.5
    evenings = twin.events.filter(pc.equal(twin.events["context"], "album"))["timestamp"]
    weekend = pc.mean(pc.greater_equal(pc.day_of_week(commutes), 5)).as_py()
    assert weekend < pc.mean(pc.greater_equal(pc.day_of_week(evenings), 5)).as_py() - 0.1


def test_nations_love_their_genres(twin: Twin, listens: Listens) -> None:
    genres = twin.tracks["genres"].combine_chunks()
    ends = genres.offsets.to_numpy()[1:]
    families = genres.values.to_numpy(zero_copy_only=False)[ends - 1][listens.tracks]
    countries = twin.users["country"].to_numpy()[listens.users]
    ratios = []
    for country in COUNTRIES[:6]:
        loved, here = np.isin(families, country.loves), countries == country.code
        ratios.append(loved[here].mean() / loved[~here].mean())
    assert np.mean(ratios) > 1.15
