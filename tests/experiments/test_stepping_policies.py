"""Steps of experiments whose treatment has a policy of its own: a step makes its bundle, which is served and promoted."""

import shutil

import pytest

from crossfade.experiments.deciding import by_hand
from crossfade.experiments.decision import Action
from crossfade.experiments.spec import Experiment
from crossfade.recommender.bundle import POLICIES
from crossfade.recommender.other_policy import CHANGES, lineage
from crossfade.recommender.surfaces import load_policies
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.tables import Surface
from serving.gateway.variants import served_experiments
from tests.experiments.rollouts import Place, experiment, saying, small_bundle
from tests.experiments.test_spec import BUNDLE

pytestmark = pytest.mark.usefixtures("registry")

MANIFEST, LOG = "experiments/radio-flow.yaml", "history/radio-flow.jsonl"


@pytest.fixture
def loud(place: Place) -> Experiment:
    """An experiment whose treatment is a small bundle with a policy of its own."""
    digest = small_bundle(place.workspace.bundles).name
    treatment = {"name": "loud", "bundle": digest, "policy": {"diversity": 0.5}}
    ramp = [{"shares": {"loud": 0.5}, "minimumDuration": "P7D"}]
    return experiment(variants=[{"name": "control", "bundle": BUNDLE}, treatment], ramp=ramp)


def test_a_variant_with_a_policy_is_served_from_a_bundle_of_its_own_and_promoted_with_it(
    place: Place, loud: Experiment, registry: dict[str, str]
) -> None:
    place.step(found=loud)
    running = Experiment.model_validate(place.object(MANIFEST))
    assert running.status.bundles is not None
    (made,) = running.status.bundles.values()
    assert load_policies(place.workspace.bundle(made) / POLICIES)[Surface.RADIO].diversity == 0.5
    (container,) = place.object("inferenceservices/radio-flow-loud.yaml")["spec"]["predictor"]["containers"]
    assert container["args"][1].endswith(f"/bundles/{made}")
    (served,) = served_experiments(place.rollout.directory / "experiments")
    assert served.bundles == {"control": BUNDLE, "loud": made}

    quiet = loud.spec.variants[1].model_copy(update={"policy": {"diversity": 0.1}})
    changed = loud.spec.model_copy(update={"variants": (loud.spec.variants[0], quiet)})
    with pytest.raises(InputError, match=r"policies was {'loud': {'diversity': 0.5}} when it began"):
        place.step(found=loud.model_copy(update={"spec": changed}))
    without = loud.spec.model_copy(
        update={"variants": (loud.spec.variants[0], quiet.model_copy(update={"policy": None}))}
    )
    with pytest.raises(InputError, match="and is None by now"):
        place.step(found=loud.model_copy(update={"spec": without}))

    place.step(saying(Action.PROMOTE, "loud"), loud)
    assert (place.workspace.champion_digest(), registry) == (made, {"champion": made})
    assert place.object("champion.yaml")["data"] == {"bundle": made}
    assert lineage(place.workspace, "") == {"parents": [], CHANGES: {"radio": {"diversity": 0.5}}}


def test_rolling_back_needs_no_bundle(
    place: Place, loud: Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    place.step(found=loud)
    shutil.rmtree(place.workspace.bundle(loud.spec.variants[1].bundle))
    with pytest.raises(NotFoundError, match="is not in"):
        place.step(found=loud)
    place.step(by_hand("Stop."), loud)
    assert place.files().keys() == {LOG}
    assert "A treatment's bundle is gone: Bundle" in caplog.text
