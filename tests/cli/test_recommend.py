"""`crossfade recommend` and `crossfade why` on a trained bundle: tables, JSON lines, a user's mistakes."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.recommender.workspace import Workspace
from crossfade.schema.columns import RANKING_FEATURES
from tests.features.gold import gold_lake
from tests.recommender import world


@pytest.fixture(scope="module")
def bundle(planted_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.copied(planted_world, tmp_path_factory.mktemp("world"))


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_prints_one_object_a_line(bundle: Path, ran) -> None:  # type: ignore[no-untyped-def]
    code, out, err = ran(
        "recommend", "u01", "u00", "--bundle", bundle, "--surface", "discover_weekly", "--k", 3, "--json"
    )
    assert (code, err) == (0, "")
    first, second = lines(out)
    assert (first["user_id"], second["user_id"]) == ("u01", "u00")
    assert first["bundle"] == bundle.name
    assert [len(line["tracks"]) for line in (first, second)] == [3, 3]  # type: ignore[arg-type]
    assert list(first["tracks"][0]) == ["track_id", "score", "source", "reason"]  # type: ignore[index]


def test_people_get_a_table_from_a_workspaces_champion(bundle: Path, ran) -> None:  # type: ignore[no-untyped-def]
    workspace = Workspace.create(bundle.parents[1])
    workspace.promote(bundle.name, reason="First.", run_id="run", evaluation={})
    code, out, _ = ran("recommend", "u00", "--workspace", workspace.path, "--surface", "home", "--k", 2)
    assert code == 0
    for word in ("u00", "Track", "Artist", "Score", "Reason", "Song r", "Band r", bundle.name):
        assert word in out


def test_users_come_from_a_file_in_batches(bundle: Path, tmp_path: Path, ran) -> None:  # type: ignore[no-untyped-def]
    ids = [f"u{number % world.NUM_USERS:02}" for number in range(70)]  # more than weekly.batch_users
    (tmp_path / "ids.txt").write_text("\n".join(ids) + "\n\n")
    arguments = ("--users", tmp_path / "ids.txt", "--bundle", bundle, "--surface", "home", "--k", 1, "--json")
    code, out, _ = ran("recommend", *arguments)
    assert code == 0
    assert [line["user_id"] for line in lines(out)] == ids


def test_requests_bring_sessions_and_what_is_unknown_is_noted(bundle: Path, tmp_path: Path, ran) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "requests.jsonl"
    path.write_text(
        '{"request_id": "a", "surface": "radio", "session": ["j01", {"track_id": "zz"}], "seed_track": "j06"}\n'
        '{"request_id": "b", "surface": "home", "user_id": "nobody", "exclude": ["yy"], "country": "SE"}\n'
    )
    code, out, err = ran("recommend", "--requests", path, "--bundle", bundle, "--json")
    assert code == 0
    assert [line["request_id"] for line in lines(out)] == ["a", "b"]
    assert "Not in the bundle, answered without a history: nobody (1)." in err
    assert "Unknown track ids in sessions and exclusions were left out: 2." in err


def test_why_accounts_for_a_track(bundle: Path, ran) -> None:  # type: ignore[no-untyped-def]
    asked = ("--bundle", bundle, "--surface", "discover_weekly")
    _, out, _ = ran("recommend", "u00", *asked, "--k", 30, "--json")
    track = lines(out)[0]["tracks"][0]  # type: ignore[index]
    code, text, _ = ran("why", "u00", track["track_id"], *asked)
    assert code == 0
    for words in ("It is place 1 of the slate", "Reason: ", "two_tower", "adds to the score"):
        assert words in text
    _, out, _ = ran("why", "u00", track["track_id"], *asked, "--json")
    assert lines(out)[0]["reason"] == (track["reason"] or "")


def test_why_says_why_not(bundle: Path, ran) -> None:  # type: ignore[no-untyped-def]
    code, text, _ = ran("why", "u01", "r00", "--bundle", bundle, "--surface", "release_radar")
    assert code == 0
    assert "Not shown: not released in the last 14 days." in text


def test_picks_answer_strangers_and_unknown_ones_are_one_line(bundle: Path, tmp_path: Path, ran) -> None:  # type: ignore[no-untyped-def]
    lines = (
        '{"request_id": "new", "genres": ["J"], "country": "SE"}',
        '{"request_id": "odd", "artists": ["nobody", "Band ra"], "genres": ["polka"]}',
    )
    (tmp_path / "r.jsonl").write_text("\n".join(lines))
    arguments = ("--bundle", bundle, "--surface", "home", "--k", "3", "--json")
    code, out, err = ran("recommend", "--requests", tmp_path / "r.jsonl", *arguments)
    assert code == 0
    first, second = (json.loads(line) for line in out.splitlines())
    assert {track["track_id"][0] for track in first["tracks"]} == {"j"}
    assert {track["track_id"][0] for track in second["tracks"]} == {"r"}
    assert err.splitlines() == ["Unknown artists and genres were left out: nobody, polka (2)."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name users, or one of --users FILE and --requests FILE."),
        (("u00", "--users", "ids.txt"), "Name users, or one of"),
        (("u00",), "Name the --surface"),
        (
            ("u00", "--surface", "disco"),
            "Surface 'disco' does not exist; choose one of: discover_weekly, radio",
        ),
        (("u00", "--surface", "home"), "Name either --bundle DIR or --workspace DIR."),
        (("u00", "--surface", "home", "--k", "0"), "--k"),
        (("u00", "--surface", "home", "--bundle", "gone"), "gone is not a bundle: it has no MANIFEST.json"),
        (("u00", "--surface", "home", "--workspace", "gone"), "gone is not a workspace"),
        (("--users", "gone.txt", "--surface", "home"), "Users file gone.txt does not exist."),
        (("--requests", "gone.jsonl"), "Requests file gone.jsonl does not exist."),
    ],
)
def test_mistakes_are_one_line_and_code_two(
    arguments: tuple[str, ...],
    message: str,
    ran,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = ran("recommend", *arguments)
    assert code == 2
    assert message in err
    assert out == ""
    assert "Traceback" not in err


def test_mistakes_inside_files_name_file_and_line(bundle: Path, tmp_path: Path, ran) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.jsonl").write_text('{"request_id": "a", "surface": "home", "sesion": []}\n')
    code, _, err = ran("recommend", "--requests", tmp_path / "r.jsonl", "--bundle", bundle)
    assert (code, "r.jsonl, line 1: unknown key sesion" in err) == (2, True)
    (tmp_path / "r.jsonl").write_text('{"request_id": "a", "surface": "radio", "seed_track": "zz"}\n')
    code, _, err = ran("recommend", "--requests", tmp_path / "r.jsonl", "--bundle", bundle)
    assert (code, "Request a: seed_track 'zz' is not in the bundle's catalogue" in err) == (2, True)
    (tmp_path / "ids.txt").write_text("\n")
    code, _, err = ran("recommend", "--users", tmp_path / "ids.txt", "--bundle", bundle, "--surface", "home")
    assert (code, "ids.txt names no users" in err) == (2, True)


def test_why_does_not_know_strangers(bundle: Path, ran) -> None:  # type: ignore[no-untyped-def]
    for asked, words in ((("nobody", "r00"), "User 'nobody'"), (("u00", "zz"), "Track 'zz'")):
        code, _, err = ran("why", *asked, "--bundle", bundle)
        assert code == 2
        assert f"{words} is not in bundle {bundle.name}" in err


def test_a_replay_that_differs_says_where_and_fails(bundle: Path, tmp_path: Path, ran) -> None:  # type: ignore[no-untyped-def]
    workspace, log = bundle.parents[1], tmp_path / "log.jsonl"
    ask = ("--bundle", bundle, "--surface", "home", "--k", 2, "--feature-log", log)
    assert ran("recommend", "u00", *ask)[0] == 0
    gold_lake(tmp_path / "lake", world.dataset(), shift_seconds=7200)
    places = ("--lake", tmp_path / "lake", "--workspace", workspace)
    code, out, _ = ran("features", "replay", log, *places, "--rows", 1)
    assert code == 1
    assert out.startswith(f"1 requests, {2 * len(RANKING_FEATURES)} features, ")
    assert out.splitlines()[1].startswith("  u00  r")
    code, out, _ = ran("features", "replay", log, *places, "--json")
    told = json.loads(out)
    assert (code, told["requests"], told["values"]) == (1, 1, 2 * len(RANKING_FEATURES))
    assert len(told["differences"]) == min(told["different"], 20)
    assert {"request", "track_id", "feature", "logged", "recomputed"} == set(told["differences"][0])


def test_online_features_need_a_workspace(bundle: Path, ran) -> None:  # type: ignore[no-untyped-def]
    code, _, err = ran("recommend", "u00", "--bundle", bundle, "--surface", "home", "--latest-features")
    assert (code, "--latest-features needs --workspace DIR, which has them." in err) == (2, True)
