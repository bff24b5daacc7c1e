"""The vocabulary: every column, artifact and feature name, spelled once.

Training, batch and serving import names from here; nobody spells a column twice.
"""

from typing import Final

# Events, catalogue, artists, playlists and users, as the canonical schema names them.
EVENT_ID: Final = "event_id"
EVENT_TYPE: Final = "event_type"
USER_ID: Final = "user_id"
TRACK_ID: Final = "track_id"
ARTIST_ID: Final = "artist_id"
ARTIST_IDS: Final = "artist_ids"
ARTIST_NAME: Final = "artist_name"
ALBUM_ID: Final = "album_id"
PLAYLIST_ID: Final = "playlist_id"
SESSION_ID: Final = "session_id"
SLATE_ID: Final = "slate_id"
TIMESTAMP: Final = "timestamp"
PLAYED_MS: Final = "played_ms"
PLAYED_SHARE: Final = "played_share"
DEVICE: Final = "device"
COUNTRY: Final = "country"
TIME_ZONE: Final = "time_zone"
SHUFFLE: Final = "shuffle"
CONTEXT: Final = "context"
SURFACE: Final = "surface"
POSITION: Final = "position"
PROPENSITY: Final = "propensity"
EXPERIMENT: Final = "experiment"
VARIANT: Final = "variant"
ORIGIN: Final = (
    "origin"  # of an exposure: the bundle that answered, or the generation that the slate was read from
)
TITLE: Final = "title"
NAME: Final = "name"
GENRES: Final = "genres"
RELEASE_DATE: Final = "release_date"
DURATION_MS: Final = "duration_ms"
EXPLICIT: Final = "explicit"
AVAILABLE: Final = "available"
AUDIO_VECTOR: Final = "audio_vector"
TRACK_IDS: Final = "track_ids"
BIRTH_YEAR: Final = "birth_year"
EXPLICIT_ALLOWED: Final = "explicit_allowed"

# Optional audio features of a track, in the order in which models read them.
AUDIO_FEATURES: Final = (
    "tempo_bpm",
    "energy",
    "loudness_db",
    "valence",
    "danceability",
    "acousticness",
    "instrumentalness",
)

# Added to every bronze row: where it came from.
SOURCE: Final = "source"
SOURCE_FILE: Final = "source_file"
SOURCE_ROW: Final = "source_row"
REASON: Final = "reason"
RAW: Final = "raw"
IMPORTED_AT: Final = "imported_at"
EXTRAS: Final = (
    "extras"  # of a streamed event: fields that the canonical schema does not know, as one JSON object
)

# Added by silver and gold.
SESSION_POSITION: Final = "session_position"
IS_BOT: Final = "is_bot"
ARRIVED_AT: Final = "arrived_at"  # of a back-fill: when the lake learnt of it; null where it came on time
STRENGTH: Final = "strength"
DAY: Final = "day"
HOUR: Final = "hour"
RULE: Final = "rule"
MEASURE: Final = "measure"
LISTENS: Final = "listens"
IS_FLAGGED: Final = "is_flagged"
LIST: Final = "list"
CREATED_AT: Final = (
    "created_at"  # of stored features: when they were written; `timestamp` is the moment they are of
)

# What an event tells of its moment, and what else is read of users and moments.
SITUATION: Final = (DEVICE, SHUFFLE, CONTEXT)
AGE: Final = "age"
WEEKDAY: Final = "weekday"

# Retrieval sources, in the order in which their scores and ranks stand in the ranking features.
TWO_TOWER: Final = "two_tower"
ITEM_KNN: Final = "item_knn"
ARTIST_TRACKS: Final = "artist_tracks"
POPULAR: Final = "popular"
ALS: Final = "als"
EASE: Final = "ease"
RETRIEVAL_SOURCES: Final = (TWO_TOWER, ITEM_KNN, ALS, EASE, ARTIST_TRACKS, POPULAR)
# They read nothing but pairs of user and track, and are asked where data tells little more; docs/decisions/0019.
PAIR_SOURCES: Final = (ALS, EASE)
# Registered, but not among the sources of a recommender; docs/decisions/0008 and 0010 say why.
ITEM2VEC: Final = "item2vec"
RELEASES: Final = "releases"
# Registered, but not among the sources of the radio; docs/decisions/0007 says why.
SASREC: Final = "sasrec"
GRU4REC: Final = "gru4rec"

# What the radio asks besides those, in the order in which their scores and ranks stand in its features.
TRANSITIONS: Final = "transitions"
SESSION_KNN: Final = "session_knn"
REPLAYS: Final = "replays"
RADIO_SOURCES: Final = (*RETRIEVAL_SOURCES, TRANSITIONS, SESSION_KNN, REPLAYS)
# Who can have brought a track into a slate; the last one speaks up for the release radar, and no ranker reads it.
SLATE_SOURCES: Final = (*RADIO_SOURCES, RELEASES)

# What a track's vector can come from: its listens, the track tower's view of its content, or one of the cold paths.
TOWER: Final = "tower"
ARTIST_CATALOGUE: Final = "artist_catalogue"
NEIGHBOURS: Final = "neighbours"
AUDIO: Final = "audio"
WORDS: Final = "words"
WAVEFORM: Final = "waveform"
VECTOR_PATHS: Final = (LISTENS, TOWER, ARTIST_CATALOGUE, NEIGHBOURS, AUDIO, WORDS, WAVEFORM)

# The ordered ranking features. A ranker is trained on, saved with and checked against this tuple.
RANKING_FEATURES: Final = (
    *(f"{source}_score" for source in RETRIEVAL_SOURCES),
    *(f"{source}_rank" for source in RETRIEVAL_SOURCES),
    "num_sources",
    "track_listens_log",
    "track_listens_7d_log",
    "track_trend",
    "track_listeners_log",
    "track_skip_rate",
    "track_save_rate",
    "track_age_days",
    "track_days_since_first",
    "track_country_share",
    "track_artist_share",
    "artist_listens_log",
    "artist_listeners_log",
    "artist_tracks_log",
    "user_listens_log",
    "user_days_since_last",
    "user_skip_rate",
    "user_artists_per_listen",
    "user_artist_listens_log",
    "user_artist_strength",
    "user_artist_share",
    "user_artist_days_since_last",
    "user_artist_in_last_session",
    "user_album_listens_log",
    "user_genre_affinity",
    "session_genre_affinity",
    "user_track_vector_cosine",
    "session_track_vector_cosine",
)

# What the radio's ranker reads besides: where the candidate stands to the running session, and when it was played.
SESSION_FEATURES: Final = (
    "session_listens_log",
    "session_artists_per_listen",
    "session_skip_streak",
    "session_repeat_share",
    "user_repeat_share",
    "session_artist_share",
    "artist_is_last",
    "album_is_last",
    "artist_run_log",
    "artist_tracks_since_log",
    "artist_skips_in_session",
    "track_plays_log",
    "track_plays_in_session",
    "track_tracks_since_log",
    "track_days_since_played",
    "track_strength",
    "last_track_vector_cosine",
)
_RADIO_ONLY: Final = RADIO_SOURCES[len(RETRIEVAL_SOURCES) :]
RADIO_FEATURES: Final = (
    *RANKING_FEATURES,
    *(f"{source}_score" for source in _RADIO_ONLY),
    *(f"{source}_rank" for source in _RADIO_ONLY),
    *SESSION_FEATURES,
)
