"""`crossfade features`: definitions, writing to the stores, Feast, and a user's mistakes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.ranking_definitions import FEATURES
from tests import builders
from tests.features.gold import gold_lake

Ran = Callable[..., tuple[int, str, str]]
DAY = 20_454 * SECONDS_PER_DAY  # 2026-01-01


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def places(tmp_path: Path) -> tuple[object, ...]:
    plays = [(f"u{n % 3}", f"t{n % 5}", DAY / SECONDS_PER_DAY + n / 2, 1.0) for n in range(60)]
    gold_lake(tmp_path / "lake", builders.dataset(plays))
    return "--lake", tmp_path / "lake", "--workspace", tmp_path / "workspace"


def test_every_feature_is_listed(ran: Ran) -> None:
    code, out, _ = ran("features", "list", "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [feature.as_json() for feature in FEATURES]
    code, out, _ = ran("features", "list")
    assert code == 0
    header, *rows = out.splitlines()
    assert header.split()[:3] == ["feature", "entity", "type"]
    lines = {line.split()[0]: line for line in rows}
    assert set(lines) == {feature.name for feature in FEATURES}
    assert lines["track_trend"].split()[1:6] == ["track", "float32", "28", "days", "request"]
    assert lines["user_plays"].split()[1:6] == ["user", "float32", "all", "192", "h"]


def test_features_are_written_once_and_a_backfill_is_not_live(places: tuple[object, ...], ran: Ran) -> None:
    code, out, _ = ran("features", "materialise", *places, "--json")
    assert code == 0
    told = json.loads(out)
    # No country is known, so there are no rows of any.
    assert told["rows"] == {"user": 3, "track": 5, "artist": 1, "country": 0, "country_track": 0}
    assert (told["live"], told["as_of"]) == (True, "2026-01-30T12:00:01+00:00")
    code, out, _ = ran("features", "materialise", *places, "--as-of", "2026-01-10")
    assert code == 0
    assert "as of 2026-01-10T00:00:00+00:00: in gold only, since the online features are newer" in out
    assert "  track: 5" in out


def test_a_repository_for_feast_is_written_of_what_is_stored(
    places: tuple[object, ...], tmp_path: Path, ran: Ran
) -> None:
    code, _, err = ran("features", "feast", *places[:2], "-o", tmp_path / "feast")
    assert code == 2
    assert (
        "has no stored features (no gold/user_features); write them first: crossfade features materialise"
        in err
    )
    ran("features", "materialise", *places)
    code, out, _ = ran("features", "feast", *places[:2], "-o", tmp_path / "feast")
    assert code == 0
    assert len(out.splitlines()) == 3
    assert "type: sqlite" in (tmp_path / "feast" / "feature_store.yaml").read_text()
    ran("features", "feast", *places[:2], "-o", tmp_path / "feast", "--redis", "localhost:6379")
    assert "connection_string: localhost:6379" in (tmp_path / "feast" / "feature_store.yaml").read_text()


def test_mistakes_are_one_line(places: tuple[object, ...], tmp_path: Path, ran: Ran) -> None:
    code, _, err = ran("features", "materialise", *places, "--as-of", "soon")
    assert (code, "--as-of must be a moment such as 2026-01-31T00:00, got 'soon'." in err) == (2, True)
    code, _, err = ran("features", "materialise", *places, "--store", "http://x")
    assert (code, "--store must be redis://HOST:PORT/DB, got 'http://x'." in err) == (2, True)
    code, _, err = ran("features", "replay", tmp_path / "none", *places)
    assert (code, "is not a workspace" in err) == (2, True)
    (tmp_path / "workspace" / "bundles").mkdir(parents=True)
    code, _, err = ran("features", "replay", tmp_path / "none", *places)
    assert (code, "There is no log of features at" in err) == (2, True)
