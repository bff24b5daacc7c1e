"""A planted recommender is judged beside its sources and the baselines, and the gate reads what was left."""

import json
from pathlib import Path

import pytest

from crossfade.evaluation import stages
from crossfade.evaluation.decision import Decision, Outcome
from crossfade.evaluation.evaluation import EVERYONE
from crossfade.evaluation.samples import load_samples, sample_playlists
from crossfade.evaluation.suite import RECOMMENDER, Suite
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.translation import Translation
from crossfade.recommender.manifest import read_manifest
from crossfade.schema.columns import RETRIEVAL_SOURCES
from crossfade.schema.errors import InputError
from tests.evaluation import worlds
from tests.evaluation.planted import Planted, planted_bundle

SETTINGS = worlds.settings()


def _renumbered() -> Dataset:
    """The same world seen by a bundle that knows another first track and lacks c2."""
    names = ["00", "a1", "a2", "b1", "b2", "c1"]
    tracks: list[dict[str, object]] = [{"track_id": name, "artist_ids": [name[0]]} for name in names]
    return worlds.dataset([("ann", "a1", 1.0), ("zed", "00", 1.0)], tracks)


def _judged(*tracks: str, digest: str = "planted", model: str = "", world: Dataset | None = None) -> Suite:
    dataset = worlds.letters()
    truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, SETTINGS)
    planted = Planted(world or dataset, tracks, digest, model)
    return stages.judge(planted, dataset, truth, SETTINGS)  # type: ignore[arg-type]


@pytest.mark.parametrize("world", [worlds.letters(), _renumbered()], ids=["same rows", "other rows"])
def test_all_systems_are_judged_on_the_same_users_in_the_datasets_rows(world: Dataset) -> None:
    suite = _judged("a2", "b2", "c1", world=world)
    assert list(suite.systems) == [
        "popularity",
        "artist_popularity",
        *reversed(RETRIEVAL_SOURCES),
        "ranking",
        RECOMMENDER,
    ]
    # ann finds both of hers, bob c1 at the third place, cat nothing.
    assert suite.recommender.metrics["recall"].tolist() == [1.0, 1.0, 0.0]
    assert suite.recommender.metrics["ndcg"] == pytest.approx([1.0, 0.5, 0.0])
    assert suite.systems["item_knn"].metrics["recall"].tolist() == [1.0, 1.0, 0.0]
    # The planted ranking is the other way round: c1 b2 a2.
    assert suite.systems["ranking"].metrics["ndcg"][1] == 1.0
    assert suite.recommender.bundle == "planted"
    assert {system.bundle for name, system in suite.systems.items() if name != RECOMMENDER} == {""}
    assert len({system.truth for system in suite.systems.values()}) == 1
    # Relevant: a2 b2 c1 unheard before, a1 with three listeners.
    assert suite.listening == [0.75, 0.0, 0.25]


def test_a_source_is_asked_beyond_what_was_heard() -> None:
    # a1 and b1 are heard by ann: with k = 3 a source that puts them first still fills her list.
    suite = _judged("a1", "b1", "a2", "b2", "c1")
    assert suite.systems["popular"].metrics["recall"].tolist() == [1.0, 0.0, 1.0]


def test_a_track_unknown_to_the_dataset_is_left_out_and_not_replaced() -> None:
    suite = _judged("00", "a2", "c1", "b2", world=_renumbered())
    # ann gets a2 and c1; b2 stood behind the first three.
    assert suite.recommender.metrics["recall"].tolist() == [0.5, 1.0, 0.0]
    assert suite.recommender.metrics["precision"] == pytest.approx([1 / 3, 1 / 3, 0.0])


def test_a_suite_comes_back_from_disk_with_its_differences(tmp_path: Path) -> None:
    suite = _judged("a2", "b2", "c1")
    suite.save(tmp_path)
    back = Suite.load(tmp_path)
    assert list(back.systems) == list(suite.systems)
    assert (back.listening, back.about) == (suite.listening, suite.about)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["num_tracks"] == 6
    gap = summary["recommender_minus"]["popularity"]["recall"][0]
    mine, other = (suite.systems[name].metrics["recall"].mean() for name in (RECOMMENDER, "popularity"))
    assert gap == pytest.approx(mine - other)
    assert summary["summary"][RECOMMENDER]["recall"] == list(suite.recommender.summary[EVERYONE]["recall"])


def test_the_gate_promotes_refuses_and_leaves_unchanged(tmp_path: Path) -> None:
    for name, tracks in {"good": ("a1", "c1", "a2"), "poor": ("c2", "c1", "b2"), "none": ()}.items():
        _judged(*tracks, digest=name).save(tmp_path / name)

    def outcome(challenger: str, champion: str | None, reigning: str = "") -> Outcome:
        path = tmp_path / "decision.json"
        against = tmp_path / champion if champion else None
        decision = stages.gate_bundles(tmp_path / challenger, against, path, SETTINGS, reigning=reigning)
        assert Decision.load(path) == decision
        assert (decision.champion, decision.reigning) == (champion or "", reigning)
        return decision.outcome

    assert outcome("good", None) == Outcome.PROMOTE
    assert outcome("none", None) == Outcome.REFUSE
    assert outcome("good", "poor", "refit") == Outcome.PROMOTE
    assert outcome("good", None, "refit") == Outcome.REFUSE
    assert outcome("poor", "good") == Outcome.REFUSE
    assert outcome("good", "good") == Outcome.UNCHANGED
    for name, model in {"first": "m1", "second": "m1", "third": "m2"}.items():
        _judged("a1", digest=name, model=model).save(tmp_path / name)
    assert outcome("second", "first") == Outcome.UNCHANGED
    assert outcome("third", "first") == Outcome.PROMOTE


def test_evaluations_of_other_test_users_are_not_gated(tmp_path: Path) -> None:
    _judged("a2", digest="one").save(tmp_path / "one")
    dataset = worlds.letters()
    truth = Truth.of(dataset, worlds.START, 13 * 86_400, SETTINGS)
    stages.judge(Planted(dataset, ("a2",), "two"), dataset, truth, SETTINGS).save(tmp_path / "two")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="were not evaluated on the same users"):
        stages.gate_bundles(
            tmp_path / "one", tmp_path / "two", tmp_path / "decision.json", SETTINGS, reigning="two"
        )
    assert not (tmp_path / "decision.json").exists()


def test_a_bundle_is_evaluated_with_histories_of_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = worlds.letters()
    dataset.save(tmp_path / "dataset")
    bundle = planted_bundle(tmp_path, worlds.START)
    planted = Planted(_renumbered(), ("a2", "b2", "c1"), read_manifest(bundle)["digest"])
    monkeypatch.setattr(stages.Recommender, "load", lambda directory: planted)
    suite = stages.evaluate_bundle(tmp_path / "dataset", bundle, tmp_path / "evaluation", SETTINGS)
    assert suite.recommender.bundle == bundle.name
    assert Suite.load(tmp_path / "evaluation").recommender.metrics["recall"].tolist() == [1.0, 1.0, 0.0]
    samples = load_samples(tmp_path / "evaluation")
    assert [sample.listener for sample in samples] == ["New listener, 1 listen"]
    assert samples[0].recent == ["a1 by a"]
    first = samples[0].places[0]
    assert (first.title, first.artist, first.source, first.reason) == (
        "a2",
        "a",
        "Item-kNN",
        "You listen to a",
    )


def test_a_bundle_that_knows_the_test_period_is_refused(tmp_path: Path) -> None:
    worlds.letters().save(tmp_path / "dataset")
    bundle = planted_bundle(tmp_path, worlds.START + 1)
    with pytest.raises(InputError, match=f"but the test period starts at {worlds.START}"):
        stages.evaluate_bundle(tmp_path / "dataset", bundle, tmp_path / "evaluation", SETTINGS)
    assert not (tmp_path / "evaluation").exists()


def test_samples_take_the_median_listener_of_each_kind() -> None:
    tracks: list[dict[str, object]] = [{"track_id": f"t{i:03}", "artist_ids": ["art"]} for i in range(130)]
    counts = {"u1": 1, "u2": 3, "u3": 5, "v": 40, "w": 120}
    plays = [(user, f"t{i:03}", i / 100) for user, count in counts.items() for i in range(count)]
    world = worlds.dataset([*plays, *((user, "t129", 12.0) for user in counts)], tracks)
    truth = worlds.truth(world)
    planted = Planted(world, ("t125",))
    queries = Translation(world, world).into_bundle(truth.queries)
    samples = sample_playlists(planted, queries, truth, 3)  # type: ignore[arg-type]
    assert [sample.listener for sample in samples] == [
        "Heavy listener, 120 listens",
        "Casual listener, 40 listens",
        "New listener, 3 listens",
    ]
    assert samples[0].recent == [f"t{i:03} by art" for i in (119, 118, 117, 116, 115)]
