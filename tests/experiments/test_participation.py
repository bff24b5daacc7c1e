"""Running experiments: who is held out, eligible and allocated; what cannot run together is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from crossfade.experiments.assignment import NUM_BUCKETS, bucket
from crossfade.experiments.participation import Participation, read_experiments
from crossfade.experiments.spec import Experiment
from crossfade.schema.errors import InputError, NotFoundError
from tests.experiments.test_spec import manifest

USERS = [str(number) for number in range(4000)]


def told(name: str = "radio-flow", step: int = 1, **spec: object) -> dict[str, Any]:
    found = manifest()
    found["metadata"]["name"] = name
    found["spec"] |= spec
    return {**found, "status": {"step": step}}


def running(step: int = 1, **spec: object) -> Participation:
    return Participation(Experiment.model_validate(told(step=step, **spec)))


def variants(participation: Participation) -> list[str | None]:
    return [participation.variant(user, None) for user in USERS]


def test_the_running_step_gives_the_shares_and_users_move_from_control_only() -> None:
    first, last = variants(running(1)), variants(running(2))
    # Buckets below the share are the treatment's: 1 % and then half.
    for found, share in ((first, 0.01), (last, 0.5)):
        assert found == [
            "flow" if bucket("radio-flow", user) < share * NUM_BUCKETS else "control" for user in USERS
        ]
    assert {(a, b) for a, b in zip(first, last, strict=True) if a != b} == {("control", "flow")}


def test_the_holdout_is_the_layer_s_and_shares_stay_those_of_all_users() -> None:
    one = variants(running(2, holdout=0.2, layer="radio", salt="one"))
    two = variants(running(2, holdout=0.2, layer="radio", salt="two"))
    held = [found is None for found in one]
    assert held == [found is None for found in two]
    assert held == [bucket("radio/holdout", user) < 2000 for user in USERS]
    assert one != two
    # 0.2 of all users are out; half of all users are treated, so 5 of 8 of those who are not.
    assert abs(one.count("flow") / len(USERS) - 0.5) < 0.03
    assert abs(one.count("control") / len(USERS) - 0.3) < 0.03
    assert running(2, holdout=0.2).layer == "radio-flow"


def test_only_users_of_an_eligible_country_take_part() -> None:
    found = running(2, eligibility={"countries": ["SE", "NO"]})
    assert [found.variant("1", country) is None for country in ("SE", "NO", "DK", None)] == [
        False,
        False,
        True,
        True,
    ]


def written(directory: Path, *manifests: object) -> Path:
    for number, each in enumerate(manifests):
        (directory / f"{number}.yaml").write_text(yaml.safe_dump(each), "utf-8")
    return directory


def test_a_file_or_all_of_a_directory_runs(tmp_path: Path) -> None:
    path = written(tmp_path, told("one"), told("two", surface="home"))
    assert [each.metadata.name for each in read_experiments(path)] == ["one", "two"]
    assert [each.metadata.name for each in read_experiments(path / "1.yaml")] == ["two"]


@pytest.mark.parametrize(
    ("manifests", "message"),
    [
        ([told("one"), told("two")], "surface=radio has several experiments; one at a time"),
        (
            [told("one", layer="all"), told("two", surface="home", layer="all")],
            "layer=all has several experiments; one at a time",
        ),
        (
            [told(ramp=[{"shares": {"flow": 0.00001}, "minimumDuration": "P1D"}])],
            r"0\.yaml: Treatment 'flow': share=1e-05 must be a multiple",
        ),
        ([told(step=3)], r"0\.yaml is not an Experiment: the file: status.step=3, but the ramp has 2 steps"),
        ([told(surface="jukebox")], r"spec\.surface: .* got 'jukebox'"),
    ],
)
def test_what_cannot_run_is_refused(tmp_path: Path, manifests: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_experiments(written(tmp_path, *manifests))


def test_a_missing_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"Experiments .*no\.yaml do not exist"):
        read_experiments(tmp_path / "no.yaml")
