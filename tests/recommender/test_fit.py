"""The stages of training: what each knows, what it writes, and how it refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.dataset import Dataset, Split
from crossfade.ranking.contract import load_ranker
from crossfade.ranking.prior import fused_ranks
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources, moment_of
from crossfade.recommender.manifest import file_digests, model_digest, verify
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.surfaces import default_policies
from crossfade.recommender.why import why
from crossfade.schema import columns as c
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.errors import InputError, TrainingError
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.schema.tables import Surface
from crossfade.schema.tasks import DISCOVERY, NEXT_TRACK
from tests import builders
from tests.recommender import world


def home(trained: Path) -> Path:
    """The directory of dataset, validation, test and ranker."""
    return trained.parents[1]


def bundle(directory: Path, trained: Path, until: str, **lineage: object) -> Path:
    stages = home(trained)
    arguments = (stages / "dataset", stages / until, stages / "ranker", directory)
    return build_bundle(*arguments, until=until, settings=world.settings(), lineage=lineage)


def test_a_bundle_knows_nothing_from_its_end_on(recommender: Recommender) -> None:
    assert recommender.as_of == world.SPLIT.test_start
    assert recommender.dataset.interactions.seconds.max() < world.SPLIT.test_start
    assert recommender.statistics.track_listens.sum() == recommender.dataset.interactions.positive.sum()
    assert recommender.policies == default_policies()
    assert recommender.settings.of_model() == world.settings().of_model()
    assert recommender.settings.weekly == default_settings().weekly


def test_the_manifest_tells_what_the_bundle_was_made_of(trained: Path) -> None:
    manifest = verify(trained)
    assert manifest["parents"] == ["0123456789abcdef"]
    assert manifest["seeds"] == {"seed": 42}
    window = manifest["window"]
    assert (window["end"], window["until"]) == (world.SPLIT.test_start, "test")
    assert window["split"]["end"] == world.SPLIT.end
    assert 0 < window["start"] < window["end"]
    metrics = manifest["metrics"]
    assert metrics["index_recall"] == 1.0
    assert metrics["index_is_exact"] is True
    assert [epoch["epoch"] for epoch in metrics["two_tower"]] == [1, 2]
    assert "seconds" not in metrics["two_tower"][0]
    assert set(metrics["track_vectors"]) == set(c.VECTOR_PATHS)
    assert sum(metrics["track_vectors"].values()) == 2 * world.NUM_TRACKS
    assert metrics["ranker_queries"] > metrics["ranker_users"] > 10
    wanted = {
        "tracks.arrow",
        "users.arrow",
        "interactions.arrow",
        "split.json",
        "statistics.arrow",
        "settings.yaml",
        "sources/two_tower/cold/vector_origins.arrow",
    }
    assert wanted | {f"policies/{surface}.yaml" for surface in default_policies()} <= set(manifest["files"])
    assert not any(name.endswith(".pkl") for name in manifest["files"])


def test_equal_inputs_give_the_same_bundle_whatever_the_clock_says(trained: Path, tmp_path: Path) -> None:
    again = bundle(tmp_path, trained, "test", parents=["0123456789abcdef"])
    assert again.name == trained.name
    stages = tmp_path / "stages"
    shutil.copytree(home(trained), stages, ignore=shutil.ignore_patterns("bundles"))
    curve = stages / "test" / "two_tower" / "training_curve.json"
    epochs = [{**epoch, "seconds": 1e6} for epoch in json.loads(curve.read_text())]
    curve.write_text(json.dumps(epochs))
    slower = bundle(tmp_path, stages / "bundles" / "any", "test", parents=["0123456789abcdef"])
    assert slower == again
    assert bundle(tmp_path, trained, "test") != again


def test_settings_that_shape_no_model_are_not_the_bundles(trained: Path, tmp_path: Path) -> None:
    stages = home(trained)
    secret = "postgresql://crossfade:hunter2@db/mlflow"
    others = [
        f"tracking.uri={secret}",
        "weekly.batch_users=7",
        "gate.min_recall=0.5",
        "quality.max_stale_days=3",
    ]
    for changed, is_same in ((others, True), (["sources.candidates=59"], False)):
        settings = parse_settings(world.settings().dumps(), changed)
        arguments = (stages / "dataset", stages / "test", stages / "ranker", tmp_path)
        lineage = {"parents": ["0123456789abcdef"]}
        built = build_bundle(*arguments, until="test", settings=settings, lineage=lineage)
        assert (built.name == trained.name) == is_same
        assert (model_digest(verify(built)) == model_digest(verify(trained))) == is_same
    assert not any(b"hunter2" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_another_version_of_an_equal_lake_gives_the_same_model(trained: Path, tmp_path: Path) -> None:
    stages = home(trained)
    dataset = Dataset.load(stages / "dataset")
    replace(dataset, lake_versions={"gold/interactions": 9}).save(tmp_path / "dataset")
    settings = parse_settings(world.settings().dumps(), ["split.test_days=2"])
    arguments = (tmp_path / "dataset", stages / "test", stages / "ranker", tmp_path / "bundles")
    built = build_bundle(*arguments, until="test", settings=settings, lineage={})
    assert built.name != trained.name
    assert model_digest(verify(built)) == model_digest(verify(trained)) == Recommender.load(built).model
    later = bundle(tmp_path, trained, "validation")
    assert model_digest(verify(later)) != model_digest(verify(trained))


def test_a_ranker_serves_bundles_of_later_moments(trained: Path, tmp_path: Path) -> None:
    stages = home(trained)
    end = tmp_path / "end"
    fit_sources(stages / "dataset", end, until="end", settings=world.settings(), warm_start=stages / "test")
    published = build_bundle(
        stages / "dataset",
        end,
        stages / "ranker",
        tmp_path,
        until="end",
        settings=world.settings(),
        lineage={},
    )
    late = Recommender.load(published)
    assert late.as_of == world.SPLIT.end
    assert len(late.dataset.interactions) > len(Recommender.load(trained).dataset.interactions)
    assert file_digests(published / "ranker") == file_digests(trained / "ranker")


def test_moments_of_the_split() -> None:
    split = Split(1, 2, 3)
    assert [moment_of(split, until) for until in ("validation", "test", "end")] == [1, 2, 3]
    with pytest.raises(
        InputError, match="until='now' is not a part of the split; choose one of: validation, test"
    ):
        moment_of(split, "now")


def test_stages_refuse_sources_of_another_moment(trained: Path, tmp_path: Path) -> None:
    stages = home(trained)
    message = "test holds sources fitted until 'test', but 'validation' is needed"
    with pytest.raises(InputError, match=message):
        fit_ranker(stages / "dataset", stages / "test", tmp_path / "ranker", world.settings())
    arguments = (stages / "dataset", stages / "test", stages / "ranker", tmp_path)
    with pytest.raises(InputError, match="fitted until 'test', but 'end' is needed"):
        build_bundle(*arguments, until="end", settings=world.settings(), lineage={})


def test_a_stage_that_was_killed_is_not_taken_for_whole(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(home(trained) / "validation", tmp_path / "half")
    (tmp_path / "half" / "fit.json").unlink()
    with pytest.raises(InputError, match=r"half is not finished: it has no fit\.json; run the step"):
        fit_ranker(home(trained) / "dataset", tmp_path / "half", tmp_path / "ranker", world.settings())


def test_nothing_to_learn_from_is_said_plainly(tmp_path: Path) -> None:
    skips = builders.dataset([("u", "a", 1, -1.0), ("u", "b", 2, -1.0)])
    skips.save(tmp_path)
    with pytest.raises(
        TrainingError, match=r"Sources need positive listens until 'end' .* none in 2 interactions"
    ):
        fit_sources(tmp_path, tmp_path / "sources", until="end", settings=world.settings())


def test_a_validation_period_that_nobody_listened_in_leaves_the_sources_order(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stages = home(trained)
    dataset = Dataset.load(stages / "dataset")
    quiet = dataset.interactions.where(dataset.interactions.seconds < dataset.split.validation_start)
    replace(dataset, interactions=quiet).save(tmp_path / "dataset")
    fit_ranker(tmp_path / "dataset", stages / "validation", tmp_path / "ranker", world.settings())
    assert "the sources' order alone ranks" in caplog.text
    about = json.loads((tmp_path / "ranker" / "fit.json").read_text("utf-8"))["metrics"]
    assert about == {"ranker_users": 0, "ranker_queries": 0, "ranker_rows": 0}
    features = np.random.default_rng(0).random((9, len(RANKING_FEATURES))).astype(np.float32) * 100
    scores = load_ranker(tmp_path / "ranker").predict(features)
    np.testing.assert_allclose(scores, fused_ranks(features, DISCOVERY).sum(axis=1), rtol=1e-6)


def test_the_ranker_learns_from_unheard_candidates_only(trained: Path, recommender: Recommender) -> None:
    # What was heard before the validation period is filtered, so it cannot be among the ranker's rows.
    about = json.loads((home(trained) / "ranker" / "fit.json").read_text())["metrics"]
    assert about["ranker_rows"] <= about["ranker_queries"] * world.settings().sources.candidates
    assert np.isfinite(
        recommender.ranker.predict(np.zeros((1, 1, len(recommender.ranker.feature_importance()))))
    )


def rankers_of_sessions(trained: Path, directory: Path, *, one_a_listen: bool) -> Recommender:
    """Fit rankers where each user's validation period is one session, or each listen is one, and bundle them."""
    stages = home(trained)
    dataset = Dataset.load(stages / "dataset")
    acts = dataset.interactions
    is_late = acts.seconds >= dataset.split.validation_start
    own = np.arange(len(acts), dtype=np.int32) + 1000
    sessions = own if one_a_listen else np.where(is_late, acts.user_rows, own)
    replace(dataset, interactions=replace(acts, sessions=sessions)).save(directory / "dataset")
    fit_ranker(directory / "dataset", stages / "validation", directory / "ranker", world.settings())
    arguments = (directory / "dataset", stages / "test", directory / "ranker", directory / "bundles")
    return Recommender.load(build_bundle(*arguments, until="test", settings=world.settings(), lineage={}))


def test_the_radio_has_a_ranker_of_its_own_that_asks_more_sources(trained: Path, tmp_path: Path) -> None:
    recommender = rankers_of_sessions(trained, tmp_path, one_a_listen=False)
    radio = recommender.ranker_of(Surface.RADIO)
    assert (radio.task, recommender.ranker_of(Surface.HOME).task) == (NEXT_TRACK, DISCOVERY)
    assert json.loads((tmp_path / "ranker" / "fit.json").read_text())["metrics"]["radio_ranker_queries"] > 5
    users = np.array([0, 1, -1], np.int32)
    requests = Requests.of_users(recommender.dataset, users, recommender.as_of, Surface.RADIO, 5)
    ranked = recommender.rank(requests, recommender.exclusions(requests))
    assert ranked.features.shape[2] == len(NEXT_TRACK.features)
    slates = recommender.recommend(requests)
    assert (slates.lengths == 5).all()
    assert slates.sources.max() < len(NEXT_TRACK.sources)
    last = requests.queries.last_tracks(1)
    assert not (slates.rows == last)[:2].any()
    account = why(recommender, "u00", "r00", Surface.RADIO)
    assert tuple(say.source for say in account.sources) == NEXT_TRACK.sources


def test_without_sessions_the_radio_does_with_the_other_ranker(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recommender = rankers_of_sessions(trained, tmp_path, one_a_listen=True)
    assert "The radio has no ranker of its own: The next track needs sessions of two listens" in caplog.text
    assert recommender.radio_ranker is None
    assert recommender.ranker_of(Surface.RADIO) is recommender.ranker
