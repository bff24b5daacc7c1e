"""Requests as callers write them: read strictly, turned into rows once, unknown ids counted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.dataset import Split
from crossfade.features.traits import vocabulary
from crossfade.recommender.asked_rows import requests_of
from crossfade.recommender.asking import Ask, SessionTrack, Unknown, read_asks
from crossfade.recommender.requests import Requests
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import Surface
from tests.builders import catalogue, dataset, users

DAY = 86_400
LAKE = default_settings().lake
TRACKS = catalogue([{c.TRACK_ID: name, c.DURATION_MS: 200_000} for name in ("a", "b", "c", "d")])
LISTENS = dataset([("u", "a", 1), ("u", "b", 2), ("v", "a", 3)], TRACKS)
END = LISTENS.split.end


def rows(*asks: Ask) -> tuple[Requests, Unknown]:
    return requests_of(asks, LISTENS, END, 5, lake=LAKE)


def ask(**keys: object) -> Ask:
    return Ask.model_validate({"surface": "radio", **keys})


def test_users_come_with_their_history_and_strangers_with_none() -> None:
    requests, unknown = rows(ask(user_id="u"), ask(user_id="nobody"), ask())
    assert requests.queries.user_rows.tolist() == [0, -1, -1]
    assert requests.queries.offsets.tolist() == [0, 2, 2, 2]
    assert (requests.surface, requests.k) == (Surface.RADIO, 5)
    assert unknown == Unknown(("nobody",), 0)


def test_a_session_and_a_seed_become_the_newest_listens() -> None:
    session = ("c", SessionTrack(track_id="d", played_share=0.005), "zz")
    requests, unknown = rows(ask(user_id="u", session=session, seed_track="b"), ask(session=("a",)))
    assert requests.queries.offsets.tolist() == [0, 5, 6]
    assert requests.queries.track_rows.tolist() == [0, 1, 2, 3, 1, 0]
    assert requests.queries.strengths.tolist() == [1, 1, 1, -1, LAKE.save_strength, 1]
    assert requests.seed_rows.tolist() == [1, -1]
    assert unknown == Unknown((), 1)


def test_a_request_sees_what_happened_before_its_time() -> None:
    early = ask(
        user_id="u", time="1970-01-03T00:00:00"
    )  # without a zone UTC; the listen of day 2 is not yet known
    late = ask(user_id="u", time=END + 10 * DAY)
    requests, _ = rows(early, late, ask(user_id="u", time="1970-01-03T01:00:00+01:00"))
    assert requests.queries.as_of.tolist() == [2 * DAY, END + 10 * DAY, 2 * DAY]
    assert requests.queries.offsets.tolist() == [0, 1, 3, 4]


def test_exclusions_become_rows_and_unknown_ones_are_counted() -> None:
    requests, unknown = rows(ask(exclude=("c", "zz")), ask(exclude=("a", "b")), ask())
    assert requests.excluded_offsets.tolist() == [0, 1, 3, 3]
    assert requests.excluded_rows.tolist() == [2, 0, 1]
    assert unknown.num_tracks == 1


def test_a_country_stands_in_for_the_users_own() -> None:
    country = LISTENS.users.table.set_column(1, c.COUNTRY, [["SE", "DK"]])
    listens = type(LISTENS)(TRACKS, type(LISTENS.users)(country), LISTENS.interactions, LISTENS.split, {})
    asks = [
        ask(user_id="u"),
        ask(user_id="u", country="DK"),
        ask(user_id="u", country="XX"),
        ask(country="SE"),
    ]
    requests, _ = requests_of(asks, listens, END, 5, lake=LAKE)
    assert requests.queries.country_rows.tolist() == [1, 0, -1, 1]


def test_what_a_request_tells_of_its_moment_becomes_traits() -> None:
    traits = vocabulary({"device=phone": 1, "shuffle=false": 1, "context=commute": 1})
    listens = replace(LISTENS, users=users(["u", "v"], birth_years=[1945, None]), traits=traits)
    asks = [
        ask(user_id="u", device="phone", shuffle=False, context="commute", time="1970-01-05T17:30:00"),
        ask(user_id="v", device="toaster", context="commute"),
        ask(),
    ]
    requests, _ = requests_of(asks, listens, END, 5, lake=LAKE)
    assert requests.queries.traits is not None
    told = [traits.names(row.astype(np.int32)) for row in requests.queries.traits]
    # The time is a Monday; without one, hour and weekday are unknown.
    assert told[0] == ["age=20", "device=phone", "shuffle=false", "context=commute", "hour=17", "weekday=0"]
    assert told[1] == [None, None, None, "context=commute", None, None]
    assert told[2] == [None] * 6
    timeless = replace(listens, split=Split(0, 0, END, has_time=False))
    requests, _ = requests_of(asks[:1], timeless, END, 5, lake=LAKE)
    assert requests.queries.traits is not None
    told_timeless = traits.names(requests.queries.traits[0].astype(np.int32))
    assert told_timeless == [None, *told[0][1:4], None, None]


def test_an_unknown_seed_is_an_error() -> None:
    with pytest.raises(InputError, match="Request r1: seed_track 'zz' is not in the bundle's catalogue"):
        rows(ask(request_id="r1", seed_track="zz"))


def test_lines_are_read_with_the_commands_surface_where_they_name_none(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(
        '{"request_id": "r1", "surface": "home", "session": ["a", {"track_id": "b", "played_share": 0.5}]}\n'
        "\n"
        '{"request_id": "r2", "user_id": "u", "time": 90000}\n'
    )
    first, second = read_asks(path, Surface.RADIO)
    assert (first.surface, second.surface) == (Surface.HOME, Surface.RADIO)
    assert first.session == ("a", SessionTrack(track_id="b", played_share=0.5))
    assert second.seconds == 90_000


@pytest.mark.parametrize("end", ["\x85", "\u2028"])
def test_an_id_may_hold_what_unicode_counts_as_an_end_of_a_line(tmp_path: Path, end: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps({"request_id": "r1", "user_id": f"a{end}b"}, ensure_ascii=False), "utf-8")
    (read,) = read_asks(path, Surface.RADIO)
    assert read.user_id == f"a{end}b"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"r\.jsonl, line 2: not JSON: .* at column 2"),
        ("[1]", r"line 2: needs an object such as .*, got list"),
        ('{"surface": "home"}', "line 2: request_id is missing"),
        ('{"request_id": "r"}', "line 2: surface is missing; name one of discover_weekly"),
        ('{"request_id": "r", "surface": "hom"}', "line 2: Surface 'hom' does not exist"),
        (
            '{"request_id": "r", "surface": "home", "sesion": []}',
            "line 2: unknown key sesion; known: request_id, surface",
        ),
        ('{"request_id": 3, "surface": "home"}', "line 2: request_id=3: Input should be a valid string"),
        (
            '{"request_id": "r", "surface": "home", "time": "soon"}',
            "line 2: time='soon': Input should be a valid datetime",
        ),
        (
            '{"request_id": "r", "surface": "home", "exclude": ["a", 2]}',
            r"line 2: exclude\.1=2: Input should be",
        ),
        (
            '{"request_id": "r", "surface": "home", "session": [{"track_id": "a", "played_share": 2}]}',
            r"line 2: session\.0.*played_share=2",
        ),
    ],
)
def test_a_wrong_line_names_file_line_and_value(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"request_id": "ok", "surface": "home"}\n' + line)
    with pytest.raises(InputError, match=message):
        read_asks(path)


def test_files_that_hold_no_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl does not exist"):
        read_asks(tmp_path / "gone.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"empty\.jsonl holds no requests"):
        read_asks(tmp_path / "empty.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"latin\.jsonl is not UTF-8"):
        read_asks(tmp_path / "latin.jsonl")
