import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.schema.tables import Surface
from crossfade.store import shards, weekly
from tests.store.weeks import WEEKLY, Planted, Week, activate, on_lake_version, track, week


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Week:
    """One published and activated week."""
    monkeypatch.setattr(shards, "_recommender", Planted.load)
    monkeypatch.setenv("COLUMNS", "200")
    batch = week(tmp_path)
    activate(batch)
    return batch


def test_playlist_for_people(batch: Week, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["playlist", "u03", "--workspace", str(batch.workspace.path)]) == 0
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if "Song" in line]
    assert len(lines) == 5
    assert lines[0].replace("│", " ").split() == [
        "1",
        "Song",
        "6",
        "Band",
        "6",
        "1.000",
        "You",
        "listen",
        "to",
        "Band",
        "6",
    ]
    assert "discover_weekly of u03" in printed
    assert batch.bundle.name in printed


def test_playlist_as_json(batch: Week, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["playlist", "u03", "--workspace", str(batch.workspace.path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["user_id"], answer["surface"], answer["bundle"]) == (
        "u03",
        "discover_weekly",
        batch.bundle.name,
    )
    assert [each["track_id"] for each in answer["tracks"]] == [track(number) for number in range(6, 11)]
    first = {"track_id": "t06", "score": 1.0, "source": "two_tower", "reason": "You listen to Band 6"}
    assert answer["tracks"][0] == first


def test_unknown_user_is_one_line_and_exit_code_2(batch: Week, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["playlist", "nobody", "--workspace", str(batch.workspace.path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: User 'nobody' has no discover_weekly playlist; generation ")
    assert "is for 12 others. Check the id; a new user needs: crossfade import events" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--surface", "radio"], "No radio playlists are published in "),
        (["--surface", "nothing"], "Surface 'nothing' does not exist; choose one of: discover_weekly"),
        (["--workspace", "nowhere"], "nowhere is not a workspace"),
    ],
)
def test_mistakes(
    batch: Week, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["playlist", "u03", "--workspace", str(batch.workspace.path), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_empty_playlist_says_so(batch: Week, capsys: pytest.CaptureFixture[str]) -> None:
    class Refusing(Planted):
        def recommend(self, requests):  # type: ignore[no-untyped-def]
            slates = super().recommend(requests)
            slates.rows[requests.queries.user_rows == 3] = -1
            return slates

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_recommender", Refusing.load)
        activate(on_lake_version(batch, 8))
    assert main(["playlist", "u03", "--workspace", str(batch.workspace.path)]) == 0
    assert (
        capsys.readouterr().out
        == "u03 has an empty discover_weekly playlist: no track is left to recommend.\n"
    )


def test_generations_and_rollback(batch: Week, capsys: pytest.CaptureFixture[str]) -> None:
    first = weekly.store_of(batch.workspace).live(WEEKLY)
    second = activate(on_lake_version(batch, 8))
    place = ["--workspace", str(batch.workspace.path)]
    assert main(["store", "generations", *place, "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["generation"]: each["live"] for each in listed} == {first: False, second: True}
    assert listed[0]["as_of"] == "1970-04-11T00:00:00+00:00"
    assert main(["store", "rollback", *place]) == 0
    assert capsys.readouterr().out == f"discover_weekly: {second} -> {first}\n"
    assert main(["store", "generations", *place]) == 0
    assert f"* {first}  12 users  bundle {batch.bundle.name}" in capsys.readouterr().out
    assert main(["store", "rollback", *place]) == 2
    assert "discover_weekly has no generation to roll back to" in capsys.readouterr().err
    assert main(["store", "generations", *place, "--surface", Surface.HOME]) == 0
    assert capsys.readouterr().out == "No home playlists are published yet; run: crossfade run weekly\n"


@pytest.mark.parametrize(
    "command", [["playlist"], ["store"], ["store", "generations"], ["store", "rollback"]]
)
def test_help_shows_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"crossfade {' '.join(command)}" in shown


def test_a_time_zone_is_asked_for_or_refused(batch: Week, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["playlist", "u03", "--workspace", str(batch.workspace.path), "--time-zone"]
    assert main([*asked, "Asia/Tokyo"]) == 0
    assert "discover_weekly of u03" in capsys.readouterr().out
    assert main([*asked, "Mars/Base"]) == 2
    message = "--time-zone must be one of the tz database, such as Europe/Berlin; got 'Mars/Base'."
    assert message in capsys.readouterr().err
