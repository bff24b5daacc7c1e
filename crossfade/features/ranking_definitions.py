"""Definitions of the ranking features, in the order in which rankers read them; most are computed at the request."""

from typing import Final

from crossfade.features.definitions import (
    ARTIST,
    SESSION,
    SESSION_TRACK,
    STORED,
    STORED_BY_NAME,
    TRACK,
    USER,
    USER_TRACK,
    Entity,
    Feature,
    Owner,
    Window,
)
from crossfade.schema import columns as c


def _of_sources(sources: tuple[str, ...]) -> tuple[Feature, ...]:
    """Define the scores, then the ranks, of retrieval sources."""

    def feature(name: str, description: str) -> Feature:
        return Feature(name, USER_TRACK, description, Window.MODEL, owner=Owner.RETRIEVAL)

    return (
        *(
            feature(f"{source}_score", f"Score of {source}, missing where it did not return it.")
            for source in sources
        ),
        *(feature(f"{source}_rank", f"Place among those of {source}, 0 is its best.") for source in sources),
    )


def _cosine(name: str, entity: Entity, description: str, window: Window) -> Feature:
    return Feature(name, entity, description, window, owner=Owner.RETRIEVAL)


_OF_TRACKS: Final = (
    Feature("track_listens_log", TRACK, "log(1 + listens).", inputs=("track_listens",)),
    Feature("track_listens_7d_log", TRACK, "log(1 + listens).", Window.WEEK, inputs=("track_listens_7d",)),
    Feature(
        "track_trend",
        TRACK,
        "log((listens of 7 days + 1) / (listens of 28 days / 4 + 1)).",
        Window.MONTH,
        inputs=("track_listens_7d", "track_listens_28d"),
    ),
    Feature("track_listeners_log", TRACK, "log(1 + listeners).", inputs=("track_listeners",)),
    STORED_BY_NAME["track_skip_rate"],
    STORED_BY_NAME["track_save_rate"],
    Feature("track_age_days", TRACK, "Days since the release, missing where its date is."),
    Feature("track_days_since_first", TRACK, "Days since the first listen.", inputs=("track_first_seconds",)),
    Feature(
        "track_country_share",
        USER_TRACK,
        "Share of its listens in the user's country, drawn to that country's share of all by 20 listens.",
        inputs=("track_listens", "country_shares", "country_listens"),
    ),
    Feature(
        "track_artist_share",
        TRACK,
        "Share of its artist's listens.",
        inputs=("track_listens", "artist_listens"),
    ),
    Feature("artist_listens_log", ARTIST, "log(1 + listens).", inputs=("artist_listens",)),
    Feature("artist_listeners_log", ARTIST, "log(1 + listeners).", inputs=("artist_listeners",)),
    Feature("artist_tracks_log", ARTIST, "log(1 + tracks).", inputs=("artist_tracks",)),
)
_OF_USERS: Final = (
    Feature("user_listens_log", USER, "log(1 + positive listens)."),
    Feature("user_days_since_last", USER, "Days since the last interaction."),
    Feature("user_skip_rate", USER, "Summed strength of skips over plays."),
    Feature("user_artists_per_listen", USER, "Distinct artists over positive listens."),
    Feature("user_artist_listens_log", USER_TRACK, "log(1 + positive listens of the track's artist)."),
    Feature("user_artist_strength", USER_TRACK, "Summed strength of interactions with the track's artist."),
    Feature("user_artist_share", USER_TRACK, "Share of positive listens that is of the track's artist."),
    Feature(
        "user_artist_days_since_last", USER_TRACK, "Days since the last interaction with the track's artist."
    ),
    Feature(
        "user_artist_in_last_session", USER_TRACK, "1 where the artist was played in it.", Window.SESSION
    ),
    Feature("user_album_listens_log", USER_TRACK, "log(1 + positive listens of the track's album)."),
    Feature("user_genre_affinity", USER_TRACK, "Cosine of genres of positive listens with the track's."),
    Feature(
        "session_genre_affinity",
        SESSION_TRACK,
        "Cosine of the session's genres with the track's.",
        Window.SESSION,
    ),
    _cosine(
        "user_track_vector_cosine",
        USER_TRACK,
        "Cosine of the track's vector with the mean of the listens'.",
        Window.LAST_20,
    ),
    _cosine(
        "session_track_vector_cosine",
        SESSION_TRACK,
        "Largest cosine of the track's vector with one of the session's.",
        Window.SESSION,
    ),
)
_OF_SESSIONS: Final = (
    Feature("session_listens_log", SESSION, "log(1 + positive listens).", Window.SESSION),
    Feature("session_artists_per_listen", SESSION, "Distinct artists over listens.", Window.SESSION),
    Feature("session_skip_streak", SESSION, "Tracks skipped in a row just now.", Window.SESSION),
    Feature("session_repeat_share", SESSION, "Share of listens that repeat a track of it.", Window.SESSION),
    Feature("user_repeat_share", USER, "Share of positive listens that repeat a track."),
    Feature("session_artist_share", SESSION_TRACK, "Share of listens that is of the artist.", Window.SESSION),
    Feature("artist_is_last", SESSION_TRACK, "1 where the last listen is of the artist.", Window.SESSION),
    Feature("album_is_last", SESSION_TRACK, "1 where the last listen is of the album.", Window.SESSION),
    Feature(
        "artist_run_log", SESSION_TRACK, "log(1 + listens of the artist in a row just now).", Window.SESSION
    ),
    Feature("artist_tracks_since_log", USER_TRACK, "log(1 + listens since the last of the artist)."),
    Feature("artist_skips_in_session", SESSION_TRACK, "Skips of the artist.", Window.SESSION),
    Feature("track_plays_log", USER_TRACK, "log(1 + positive listens of the track)."),
    Feature("track_plays_in_session", SESSION_TRACK, "Positive listens of the track.", Window.SESSION),
    Feature("track_tracks_since_log", USER_TRACK, "log(1 + listens since the last of the track)."),
    Feature("track_days_since_played", USER_TRACK, "Days since the last interaction with the track."),
    Feature("track_strength", USER_TRACK, "Summed strength of interactions with the track."),
    _cosine(
        "last_track_vector_cosine",
        SESSION_TRACK,
        "Cosine with the vector of the last listen.",
        Window.SESSION,
    ),
)

RANKING: Final = (
    *_of_sources(c.RETRIEVAL_SOURCES),
    Feature("num_sources", USER_TRACK, "Sources that returned it.", Window.MODEL, owner=Owner.RETRIEVAL),
    *_OF_TRACKS,
    *_OF_USERS,
    *_of_sources(c.RADIO_SOURCES[len(c.RETRIEVAL_SOURCES) :]),
    *_OF_SESSIONS,
)
FEATURES: Final = tuple(dict.fromkeys((*STORED, *RANKING)))
