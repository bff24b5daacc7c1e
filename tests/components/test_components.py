"""Every component as the plain function that it is, in the order of the pipelines, on a small simulated lake."""

import json
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl

from components.build_bundle.component import build_bundle
from components.evaluate.component import evaluate
from components.find_champion.component import find_champion
from components.find_rival.component import find_rival
from components.gate.component import gate
from components.generate_shard.component import generate_shard
from components.make_dataset.component import make_dataset
from components.plan_shards.component import plan_shards
from components.promote.component import promote
from components.publish.component import publish
from components.refresh_lake.component import refresh_lake
from components.refuse.component import refuse
from components.report.component import report
from components.train_ranker.component import train_ranker
from components.train_retrieval.component import train_retrieval
from components.validate_data.component import validate_data
from crossfade.evaluation.decision import Decision, Outcome
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.lake.lake import Lake
from crossfade.recommender.manifest import verify
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, NotFoundError, ValidationError
from crossfade.schema.settings import parse_settings
from crossfade.schema.tables import Surface
from crossfade.store.embedded import EmbeddedStore
from tests.cli import small

USERS = 120


@dataclass
class Pipeline:
    """Calls components on artifacts in a directory, each once, when its result is first asked for."""

    home: Path
    settings: str = small.SETTINGS.dumps()

    def artifact(self, name: str) -> dsl.Artifact:
        return dsl.Artifact(name=name, uri=str(self.home / name))

    def path(self, name: str) -> Path:
        return self.home / name

    @cached_property
    def lake(self) -> str:
        small.fill(Lake.create(self.home / "lake"), USERS, 300, 35, self.home / "twin")
        return str(self.home / "lake")

    @cached_property
    def workspace(self) -> str:
        return str(Workspace.create(self.home / "workspace").path)

    @cached_property
    def versions(self) -> str:
        return str(refresh_lake.python_func(self.lake, self.settings, self.artifact("counts")))

    @cached_property
    def dataset(self) -> dsl.Artifact:
        validate_data.python_func(self.lake, self.settings, self.versions, self.artifact("validation"))
        make_dataset.python_func(self.lake, self.settings, self.versions, self.artifact("dataset"))
        return self.artifact("dataset")

    def sources(self, until: str, warm_start: dsl.Artifact | None = None) -> dsl.Artifact:
        made = self.artifact(f"sources-{until}")
        if not Path(made.path).exists():
            train_retrieval.python_func(self.dataset, until, self.settings, made, warm_start)
        return made

    @cached_property
    def ranker(self) -> dsl.Artifact:
        train_ranker.python_func(
            self.dataset, self.sources("validation"), self.settings, self.artifact("ranker")
        )
        return self.artifact("ranker")

    def bundle(self, until: str, parent: str = "") -> str:
        sources = self.sources(until, self.sources("validation"))
        given = (self.dataset, sources, self.ranker, until, self.settings, self.workspace, parent)
        return str(build_bundle.python_func(*given))

    @cached_property
    def challenger(self) -> str:
        return self.bundle("test")

    @cached_property
    def published(self) -> str:
        return self.bundle("end", self.challenger)

    @cached_property
    def evaluation(self) -> dsl.Artifact:
        evaluate.python_func(
            self.dataset, self.challenger, self.workspace, self.settings, self.artifact("evaluation")
        )
        return self.artifact("evaluation")

    def record(self, decision: str, run: str) -> dict[str, Any]:
        return {
            "decision": self.artifact(decision), "evaluation": self.evaluation, "workspace": self.workspace,
            "settings": self.settings, "run": run,
        }  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(tmp_path_factory.mktemp("pipeline"))


def test_refreshing_counts_rows_and_pins_versions(pipeline: Pipeline) -> None:
    pinned = json.loads(pipeline.versions)
    assert pinned["lake"] == Lake.open(Path(pipeline.lake)).id
    versions = pinned["versions"]
    assert versions["gold/interactions"] == 0
    counts = {table["name"]: table for table in json.loads(pipeline.path("counts").read_text())}
    assert counts["users"]["rows_in"] == counts["users"]["rows_silver"] == USERS
    assert (
        refresh_lake.python_func(pipeline.lake, pipeline.settings, pipeline.artifact("again"))
        == pipeline.versions
    )


def test_validation_leaves_its_result_even_when_it_stops_the_pipeline(pipeline: Pipeline) -> None:
    assert json.loads((Path(pipeline.dataset.path).parent / "validation" / "validation.json").read_text())[
        "passed"
    ]
    strict = parse_settings(pipeline.settings, ["quality.max_stale_days=1"]).dumps()
    with pytest.raises(ValidationError, match="silver/events"):
        validate_data.python_func(pipeline.lake, strict, pipeline.versions, pipeline.artifact("invalid"))
    assert not json.loads((pipeline.path("invalid") / "validation.json").read_text())["passed"]


def test_the_dataset_is_of_the_pinned_versions(pipeline: Pipeline) -> None:
    dataset = Dataset.load(Path(pipeline.dataset.path))
    assert len(dataset.users) == USERS
    pinned = json.loads(pipeline.versions)
    assert dataset.lake == pinned["lake"]
    assert dataset.lake_versions.items() <= pinned["versions"].items()


def test_a_lake_filled_anew_at_its_path_is_another_to_every_cache(tmp_path: Path) -> None:
    found = []
    for users in (20, 30):
        shutil.rmtree(tmp_path / "lake", ignore_errors=True)
        small.fill(Lake.create(tmp_path / "lake"), users, 300, 35, tmp_path / "twin")
        found.append(
            refresh_lake.python_func(
                str(tmp_path / "lake"), small.SETTINGS.dumps(), dsl.Artifact(uri=str(tmp_path / "counts"))
            )
        )
    first, second = map(json.loads, found)
    assert first["versions"] == second["versions"]
    assert first != second


def test_bundles_are_named_by_content_and_know_their_parent(pipeline: Pipeline) -> None:
    workspace = Workspace(Path(pipeline.workspace))
    judged, published = (
        verify(workspace.bundle(pipeline.challenger)),
        verify(workspace.bundle(pipeline.published)),
    )
    assert judged["window"]["end"] < published["window"]["end"]
    assert judged["lake"] == json.loads(pipeline.versions)["lake"]
    assert (judged["parents"], published["parents"]) == ([], [pipeline.challenger])
    assert pipeline.bundle("test") == pipeline.challenger


def test_the_first_model_meets_no_rival_and_the_gate_decides(pipeline: Pipeline) -> None:
    assert find_rival.python_func(pipeline.dataset, pipeline.workspace) == ("", "")
    nobody = pipeline.artifact("nobody")
    evaluate.python_func(pipeline.dataset, "", pipeline.workspace, pipeline.settings, nobody)
    assert list(Path(nobody.path).iterdir()) == []
    outcome = gate.python_func(
        pipeline.evaluation, nobody, "", "", pipeline.settings, pipeline.artifact("first-decision")
    )
    decision = Decision.load(pipeline.path("first-decision"))
    assert (outcome, decision.champion) == (decision.outcome, "")
    assert decision.challenger == pipeline.challenger


def test_a_champion_is_made_and_the_same_challenger_leaves_it(pipeline: Pipeline) -> None:
    with pytest.raises(NotFoundError, match="has no champion yet"):
        find_champion.python_func(pipeline.workspace)
    Decision(Outcome.PROMOTE, ["Better."], [], pipeline.challenger, "").save(pipeline.path("decision"))
    promote.python_func(bundle=pipeline.published, **pipeline.record("decision", "run-1"))
    assert find_champion.python_func(pipeline.workspace) == pipeline.published

    rival = find_rival.python_func(pipeline.dataset, pipeline.workspace)
    assert rival == (pipeline.challenger, pipeline.published)
    given = (
        pipeline.evaluation,
        pipeline.evaluation,
        *rival,
        pipeline.settings,
        pipeline.artifact("again-decision"),
    )
    assert gate.python_func(*given) == "unchanged"
    refuse.python_func(**pipeline.record("again-decision", "run-2"))
    assert find_champion.python_func(pipeline.workspace) == pipeline.published
    log = Workspace(Path(pipeline.workspace)).promotions.lines()
    assert [(line.action, line.run_id) for line in log] == [("promote", "run-1"), ("refuse", "run-2")]


def test_a_champion_that_cannot_be_compared_stays(pipeline: Pipeline, tmp_path: Path) -> None:
    # With a longer test period the bundle that stood for the champion knows its first day.
    dataset = Dataset.load(Path(pipeline.dataset.path))
    split = replace(dataset.split, test_start=dataset.split.test_start - SECONDS_PER_DAY)
    replace(dataset, split=split).save(tmp_path)
    longer = dsl.Artifact(name="longer", uri=str(tmp_path))
    rival = find_rival.python_func(longer, pipeline.workspace)
    assert rival == ("", pipeline.published)
    nobody = pipeline.artifact("nobody-comparable")
    evaluate.python_func(longer, rival[0], pipeline.workspace, pipeline.settings, nobody)
    decision = pipeline.artifact("not-comparable")
    assert gate.python_func(pipeline.evaluation, nobody, *rival, pipeline.settings, decision) == "refuse"
    made = Decision.load(pipeline.path("not-comparable"))
    assert (made.champion, made.reigning) == ("", pipeline.published)


def test_the_report_is_an_artifact_and_stays_in_the_workspace(pipeline: Pipeline) -> None:
    parts = [pipeline.artifact(name) for name in ("counts", "validation", "evaluation", "decision")]
    report.python_func(*parts, pipeline.workspace, "run-1", pipeline.artifact("page.html"))
    kept = Workspace(Path(pipeline.workspace)).reports / "run-1.html"
    assert pipeline.path("page.html").read_text() == kept.read_text()
    assert pipeline.challenger in kept.read_text()


def test_every_user_gets_a_playlist(pipeline: Pipeline) -> None:
    batch = {
        "dataset": pipeline.dataset, "bundle": pipeline.published, "workspace": pipeline.workspace,
        "settings": pipeline.settings,
    }  # fmt: skip
    shards = plan_shards.python_func(**batch, surface="discover_weekly")
    assert [(shard["first"], shard["stop"]) for shard in shards] == [(0, 100), (100, USERS)]
    # Kubeflow hands whole numbers on as floats.
    as_floats = [
        {key: float(value) if isinstance(value, int) else value for key, value in shard.items()}
        for shard in shards
    ]
    for shard in as_floats:
        generate_shard.python_func(pipeline.dataset, pipeline.workspace, pipeline.settings, shard)
    publish.python_func(pipeline.workspace, pipeline.settings, "discover_weekly", as_floats)
    reader = EmbeddedStore(Workspace(Path(pipeline.workspace)).store).reader(Surface.DISCOVER_WEEKLY)
    assert len(reader) == USERS
    assert reader.generation.bundle == pipeline.published


def test_no_batch_is_planned_for_a_store_that_is_away(pipeline: Pipeline) -> None:
    known = parse_settings(pipeline.settings)
    weekly = known.weekly.model_copy(update={"store_url": "redis://127.0.0.1:9/0"})
    settings = yaml.safe_dump(known.model_copy(update={"weekly": weekly}).model_dump(mode="json"))
    with pytest.raises(CrossfadeError, match=r"Redis at redis://127\.0\.0\.1:9/0 does not answer"):
        plan_shards.python_func(pipeline.dataset, pipeline.published, pipeline.workspace, settings, "home")
    assert not (Workspace(Path(pipeline.workspace)).weekly / "home").exists()
