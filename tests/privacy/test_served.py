"""Own ids alone come in: examples of `crossfade serve` have them, and imports refuse pseudonyms."""

import json
from pathlib import Path

from crossfade.cli.serve import _examples
from crossfade.lake.lake import BRONZE, QUARANTINE
from crossfade.privacy.erase import Places
from crossfade.sources.conform import PSEUDONYM
from crossfade.sources.importing import import_files
from tests.privacy.planted import KEY, OTHERS, PERSON, SETTINGS
from tests.privacy.test_erase import workspace_of

URLS = {"gateway": "http://g", "recommender": "http://r"}


def test_examples_name_somebody_by_their_own_id(world: Places) -> None:
    champion = workspace_of(world).champion()
    told = _examples(URLS, champion)
    assert _named(told) in (PERSON, *OTHERS)
    assert KEY.id not in told
    world.lake.path.rename(world.lake.path.with_name("elsewhere"))
    assert _named(_examples(URLS, champion)) == "u1"


def _named(told: str) -> str:
    return told.split("/v1/users/")[1].split("/")[0]


def test_an_import_refuses_pseudonyms_instead_of_hashing_them_again(world: Places, tmp_path: Path) -> None:
    before = world.lake.num_rows(BRONZE, "events")
    line = {"user_id": KEY.pseudonym(PERSON), "track_id": "t01", "timestamp": "2026-01-02T00:00:00Z"}
    (tmp_path / "more.jsonl").write_text(json.dumps(line))
    report = import_files(world.lake, "events", [tmp_path / "more.jsonl"], settings=SETTINGS)
    assert (report.rows_bronze, report.rows_quarantined) == (0, 1)
    assert world.lake.num_rows(BRONZE, "events") == before
    assert PSEUDONYM in world.lake.read(QUARANTINE, "events").column("reason").to_pylist()
