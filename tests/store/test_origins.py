"""Where things come from: parents, decisions and alerts of planted bundles, generations and slates."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crossfade.cli.main import main
from crossfade.lake.lake import Lake
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, NotFoundError
from crossfade.store.contract import SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.origins import lines_of, origin, run_ids, with_runs
from tests.quality.lakes import good_tables, lake_of

SURFACE = "discover_weekly@louder.b"
GENERATION = SimpleNamespace(
    name="20260105-aaaa", bundle="", as_of=86_400, lake_versions={"gold/interactions": 3}, num_users=7
)


def bundle(workspace: Workspace, number: int, parents: list[str]) -> str:
    about = {
        "code_version": "0.1.0", "lake": "l1", "lake_versions": {"gold/interactions": number},
        "window": {"start": 0, "end": 86_400 * number}, "parents": parents,
    }  # fmt: skip
    return write_bundle(workspace.bundles, lambda _: None, about).name


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace")


def store_with(generation: Any) -> SlateStore:
    """A store that holds one generation of Discover Weekly, of a variant's; only what lineage asks for."""
    of = {SURFACE: [generation]}
    parts = {"generations": lambda surface: of.get(surface, []), "live": of.get, "surfaces": lambda: list(of)}
    return cast("SlateStore", SimpleNamespace(**parts))


def test_a_bundle_tells_its_parents_and_what_was_decided_on_it(workspace: Workspace) -> None:
    judged = bundle(workspace, 1, ["gone"])
    published = bundle(workspace, 2, [judged])
    reason = "Training was started by CrossfadeDrift (measure genres)."
    workspace.promote(published, reason=reason, run_id="training-1", evaluation={})
    workspace.refuse(judged, reason="Recall fell.", run_id="training-0", evaluation={})
    found = origin(published, workspace, EmbeddedStore(workspace.store))
    told = found["bundle"]
    assert told["lake_versions"] == {"gold/interactions": 2}
    assert [(line["action"], line["run_id"], line["reason"]) for line in told["decisions"]] == [
        ("promote", "training-1", reason),
    ]
    (parent,) = told["parents"]
    assert parent["decisions"][0]["action"] == "refuse"
    assert parent["parents"] == [{"digest": "gone", "is_gone": True}]
    text = "\n".join(lines_of(found))
    assert "learnt from 1970-01-01T00:00:00+00:00 to 1970-01-03T00:00:00+00:00, by code 0.1.0" in text
    assert f"  parent bundle {judged}" in text
    assert "bundle gone is not in the workspace any more" in text


def test_runs_that_are_tracked_are_told_with_their_decisions(workspace: Workspace) -> None:
    judged = bundle(workspace, 1, ["gone"])
    published = bundle(workspace, 2, [judged])
    workspace.promote(published, reason="Better.", run_id="training-1", evaluation={})
    workspace.refuse(judged, reason="Recall fell.", run_id="training-0", evaluation={})
    found = origin(published, workspace, EmbeddedStore(workspace.store))
    assert run_ids(found["bundle"]) == {"training-0", "training-1"}
    run = {"mlflow_run_id": "abc", "params": {"seed": "42"}, "metrics": {"ndcg": 0.125}}
    found["bundle"] = with_runs(found["bundle"], {"training-0": run})
    assert "tracked" not in found["bundle"]["decisions"][0]
    assert found["bundle"]["parents"][0]["decisions"][0]["tracked"] == run
    assert "    MLflow run abc: 1 parameters; ndcg 0.125" in "\n".join(lines_of(found))
    assert (run_ids(None), with_runs(None, {})) == (set(), None)


def test_a_tracking_server_that_is_away_takes_nothing_from_lineage(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise CrossfadeError("MLflow does not answer.")

    monkeypatch.setattr(Registry, "logged", away)
    digest = bundle(workspace, 1, [])
    words = [
        "lineage",
        digest,
        "--workspace",
        str(workspace.path),
        "--set",
        "tracking.uri=http://127.0.0.1:9",
    ]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert f"bundle {digest}" in shown.out
    assert "runs are not looked up: MLflow does not answer." in shown.err


def test_a_generation_tells_its_bundle(workspace: Workspace) -> None:
    GENERATION.bundle = bundle(workspace, 1, [])
    found = origin(GENERATION.name, workspace, store_with(GENERATION))
    assert (found["kind"], found["surface"], found["as_of"]) == (
        "generation", SURFACE, "1970-01-02T00:00:00+00:00",
    )  # fmt: skip
    assert found["bundle"]["digest"] == GENERATION.bundle
    GENERATION.bundle = "pruned"
    assert origin(GENERATION.name, workspace, store_with(GENERATION))["bundle"]["is_gone"]


def test_a_slate_tells_experiment_and_the_champion_of_its_moment(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    first = bundle(workspace, 1, [])
    workspace.promote(first, reason="First.", run_id="r1", evaluation={})
    shown = {
        "slate_id": "s1", "surface": "radio", "experiment": "louder", "variant": "b",
        "timestamp": datetime.now(UTC).isoformat(), "track_id": "t",
    }  # fmt: skip
    (workspace.path / "exposures.jsonl").write_text(json.dumps(shown) + "\n", "utf-8")
    assert main(["lineage", "s1", "--workspace", str(workspace.path)]) == 0
    told = capsys.readouterr().out
    assert "experiment: louder" in told
    assert f"champion_then: {first}" in told
    assert main(["lineage", "s1", "--workspace", str(workspace.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["variant"] == "b"


def test_a_slate_tells_the_bundle_of_the_variant_that_answered(workspace: Workspace) -> None:
    champion, variants, erased, before = (bundle(workspace, number, []) for number in (1, 2, 3, 4))
    workspace.promote(before, reason="First.", run_id="r0", evaluation={})
    workspace.promote(champion, reason="Second.", run_id="r1", evaluation={})
    GENERATION.bundle = variants
    answered = {"s1": variants, "s2": GENERATION.name, "s3": "gone", "s4": before, "s5": ""}
    log = [
        {"slate_id": slate, "surface": "radio", "timestamp": datetime.now(UTC).isoformat(), "origin": made_by}
        for slate, made_by in answered.items()
    ]
    (workspace.path / "exposures.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), "utf-8")
    workspace.promotions.replace(before, erased, reason="Erased.", run_id="e1")
    found = {slate: origin(slate, workspace, store_with(GENERATION)) for slate in answered}
    digests = {slate: each["bundle"]["digest"] for slate, each in found.items()}
    assert digests == {"s1": variants, "s2": variants, "s3": "gone", "s4": erased, "s5": champion}
    assert {each["champion_then"] for each in found.values()} == {champion}
    assert (found["s2"]["generation"], found["s3"]["bundle"]["is_gone"]) == (GENERATION.name, True)
    assert "generation" not in found["s1"]


def test_a_slate_of_before_any_champion_is_found_in_the_lake(workspace: Workspace, tmp_path: Path) -> None:
    tables = good_tables()
    tables["silver/events"][0] |= {"event_type": "exposure", "slate_id": "s9", "surface": "home"}
    found = origin("s9", workspace, EmbeddedStore(workspace.store), lake_of(tmp_path / "lake", tables))
    assert (found["champion_then"], found["bundle"], found["surface"]) == (None, None, "home")
    assert next(lines_of(found)) == "slate s9"


def test_what_nobody_knows_is_named(workspace: Workspace, tmp_path: Path) -> None:
    store = EmbeddedStore(workspace.store)
    with pytest.raises(NotFoundError, match=r"'x' is no bundle or generation of .*; name --lake to look at"):
        origin("x", workspace, store)
    with pytest.raises(NotFoundError, match="no slate of its exposures or of the lake"):
        origin("x", workspace, store, Lake.create(tmp_path / "lake"))
