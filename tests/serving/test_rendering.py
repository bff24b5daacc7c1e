"""Kernels write what the long way writes, byte by byte, and leave to it what they cannot."""

import json
from collections.abc import Sequence

import numpy as np
import orjson
import pyarrow as pa
import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.store import encoding
from crossfade.store.contract import SLATES, PackedSlate
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.encoding import decode, encode, unpack
from serving.gateway import answers, exposures, json_kernels
from serving.gateway.rendering import Plain
from serving.gateway.stored import tracks_of
from tests.serving import places
from tests.serving.gateways import Gateway, in_loop
from tests.store.slates import KINDS, SOURCES, generation

START, END = b'{"event_id":"s-', b',"user_id":"u"}'


def packed(
    ids: Sequence[str], scores: Sequence[float], reasons: Sequence[str] | None = None, zone: str = ""
) -> PackedSlate:
    row = {
        "user_id": "u",
        "track_ids": list(ids),
        "scores": list(scores),
        "propensities": [abs(score) for score in reversed(scores)],
        "sources": [SOURCES[place % 2] for place in range(len(ids))],
        "reason_kinds": [KINDS[0]] * len(ids),
        "reasons": list(reasons or [""] * len(ids)),
        "time_zone": zone,
    }
    (value,) = encode(pa.Table.from_pylist([row], schema=SLATES), generation("g", length=len(ids)))
    return unpack(value, "u", generation("g", length=len(ids)))


def assert_same(slate: PackedSlate) -> None:
    plain, stored = Plain.of(slate), decode(slate)
    assert plain is not None
    assert stored is not None
    tracks = tracks_of(stored)
    assert plain.tracks() == orjson.dumps(tracks)
    assert plain.lines(START, END) == exposures._lines(tracks, START, END)


@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("ids", "reasons"),
    [
        ([], []),
        (["t"], [""]),
        (["t1", "", "t3"], ["Because you love Björk", "", "Weil du 坂本龍一 hörst 🎶"]),
        (["ä" * 30_000, "b"], ["", "x" * 65_535]),
        ([f"t{place}" for place in range(300)], ["reason " * (place % 50) for place in range(300)]),
        (["a,b", "[]{}:", "%d\x7f", "</script>\u2028"], ["'", "/", "null", "\u0080\uffff"]),
    ],
)
def test_texts_are_written_as_the_long_way_writes_them(ids: list[str], reasons: list[str], zone: str) -> None:
    assert_same(packed(ids, np.linspace(0, 1, len(ids)).tolist(), reasons, zone))


def test_numbers_are_rounded_and_written_as_the_long_way_does() -> None:
    random = np.random.default_rng(0)
    told = [
        0.0,
        -0.0,
        1.0,
        1e-6,
        9e-6,
        1e-5,
        5e-7,
        -5e-7,
        1.5e-6,
        0.1,
        0.9999995,
        99.5,
        123456.789,
        5.3e8,
        1e-45,
        -3.25,
    ]
    halves = np.arange(1, 4000, 2) / 128  # exact in float32 with seven decimals: rounded to the even sixth
    bits = random.integers(0, 2**32, 40_000, dtype=np.uint32)
    wild = bits.view(np.float32)
    wild = wild[np.isfinite(wild) & (np.abs(wild) < 2**29)]
    usual = random.random(20_000).astype(np.float32)
    values = np.concatenate(
        [np.asarray(told, np.float32), halves.astype(np.float32), usual, usual * 1e-5, wild]
    )
    for part in np.array_split(values, 1 + len(values) // 30_000):
        assert_same(packed([""] * len(part), part.tolist()))


@pytest.mark.parametrize("text", ['a "b"', "a\\b", "a\nb", "\x00", "\x1f"])
def test_what_json_escapes_goes_the_long_way(text: str) -> None:
    assert Plain.of(packed(["a", text], [1.0, 0.5])) is None
    assert Plain.of(packed(["a", "b"], [1.0, 0.5], ["", text])) is None


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), 2.0**29, -3e38])
def test_numbers_that_are_none_or_too_large_go_the_long_way(score: float) -> None:
    assert Plain.of(packed(["a", "b"], [score, 0.5])) is None


def test_parts_that_do_not_fit_go_the_long_way_and_nothing_is_read_beyond_them() -> None:
    whole = packed(["aä", "b"], [1.0, 0.5], ["r", ""])
    content = whole.content
    for length in range(len(content)):
        cut = PackedSlate("u", whole.about, content[:length])
        assert Plain.of(cut) is None
    for place, byte in ((19, 2), (19, 255), (23, 2), (2, 255), (len(content) - 1, 0xFF)):
        changed = content[:place] + bytes([byte]) + content[place + 1 :]
        assert Plain.of(PackedSlate("u", whole.about, changed)) is None, place


def test_kernels_know_the_layout_of_stores() -> None:
    ours = json_kernels.HEADER_BYTES, json_kernels.SLOT_BYTES
    assert ours == (encoding.HEADER_BYTES, encoding.SLOT_BYTES)


def shown_bytes(gateway: Gateway) -> int:
    return gateway.shown.stat().st_size if gateway.shown.exists() else 0


def shown_since(gateway: Gateway, known: int) -> list[dict[str, object]]:
    gateway.parts.exposures.close()
    return [json.loads(line) for line in gateway.shown.read_bytes()[known:].splitlines()]


def test_an_answer_and_its_exposures_are_the_same_by_both_ways(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/users/{places.STORED_USER}/playlists/discover-weekly"
    found = []

    async def test(gateway: Gateway) -> None:
        known = shown_bytes(gateway)
        answer = await gateway.client.get(path)
        head = await gateway.client.head(path)
        assert answer.headers["content-length"] == head.headers["content-length"]
        lines = shown_since(gateway, known)
        times = {line.pop("timestamp") for line in lines}
        assert len(times) == 1, "HEAD shows nothing"
        found.append((answer.content, sorted(answer.headers.items()), lines))

    in_loop(workspace, test)
    with monkeypatch.context() as patch:
        patch.setattr(answers.Plain, "of", lambda _: None)
        in_loop(workspace, test)
    assert found[0] == found[1]
    assert [track["track_id"] for track in json.loads(found[0][0])["tracks"]] == list(places.STORED_TRACKS)


def test_a_slate_for_the_long_way_is_answered_and_logged(workspace: Workspace) -> None:
    store = EmbeddedStore(workspace.path / "quoted")
    places.publish(store, "b" * 64, tracks=('say "hi"', "back\\slash", "plain"))

    async def test(gateway: Gateway) -> None:
        known = shown_bytes(gateway)
        answer = await gateway.client.get(f"/v1/users/{places.STORED_USER}/playlists/discover-weekly")
        ids = [track["track_id"] for track in answer.json()["tracks"]]
        lines = shown_since(gateway, known)
        assert ids == [line["track_id"] for line in lines] == ['say "hi"', "back\\slash", "plain"]

    in_loop(workspace, test, store=store)
