"""Stored playlists of a variant are made by the bundle that its rollout serves it from."""

from pathlib import Path

import pytest

from components.find_champion.component import find_champion
from crossfade.cli.main import main
from crossfade.experiments.publishing import bundle_to_publish
from crossfade.schema.errors import InputError
from crossfade.schema.settings import load_settings
from tests.experiments.rollouts import OTHER, Place, experiment
from tests.experiments.test_spec import BUNDLE


def test_a_variants_playlists_are_made_by_its_bundle(tmp_path: Path) -> None:
    place = Place(tmp_path)
    workspace = place.workspace
    place.rollout = type(place.rollout)(workspace.rollout, place.rollout.installation)
    assert bundle_to_publish(workspace, "radio-flow.flow").name == BUNDLE  # it does not run yet
    place.step(found=experiment())
    assert bundle_to_publish(workspace, "").name == BUNDLE
    assert bundle_to_publish(workspace, "radio-flow.control").name == BUNDLE
    assert bundle_to_publish(workspace, "radio-flow.flow").name == OTHER
    with pytest.raises(
        InputError, match=r"weekly\.variant='radio-flow\.pace': .* has the variants control, flow"
    ):
        bundle_to_publish(workspace, "radio-flow.pace")
    settings = load_settings(assignments=["weekly.variant=radio-flow.flow"]).dumps()
    assert find_champion.python_func(str(workspace.path), settings) == OTHER


def test_spark_makes_a_variants_shards_by_its_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, planned = Place(tmp_path), list[str]()
    place.rollout = type(place.rollout)(place.workspace.rollout, place.rollout.installation)
    place.step(found=experiment())

    def stop(dataset_dir: Path, bundle_dir: Path, *_: object) -> None:
        planned.append(bundle_dir.name)
        raise InputError("Planned.")

    monkeypatch.setattr("crossfade.store.plan.plan_shards", stop)
    command = ["weekly", "spark", "--workspace", str(place.workspace.path), "--dataset", str(tmp_path)]
    assert main(command) == 2
    assert main([*command, "--set", "weekly.variant=radio-flow.flow"]) == 2
    assert planned == [BUNDLE, OTHER]
