"""The training pipeline: from a lake to a champion, or to the reasons why not."""

from typing import Any

from kfp import dsl

from components.build_bundle.component import build_bundle
from components.evaluate.component import evaluate
from components.find_rival.component import find_rival
from components.gate.component import gate
from components.make_dataset.component import make_dataset
from components.promote.component import promote
from components.refresh_lake.component import refresh_lake
from components.refuse.component import refuse
from components.report.component import report
from components.train_ranker.component import train_ranker
from components.train_retrieval.component import train_retrieval
from components.validate_data.component import validate_data
from pipelines.sizing import LARGE, MEDIUM, SMALL, sized


def _trained(until: str, **inputs: Any) -> Any:
    task = sized(train_retrieval(until=until, **inputs), LARGE)
    return task.set_display_name(f"train retrieval until {until}").outputs["sources"]


def _built(until: str, **inputs: Any) -> Any:
    # Not reused: the bundle is a directory of the workspace, of whose presence KFP's cache knows nothing.
    task = sized(build_bundle(until=until, **inputs), MEDIUM, is_reused=False)
    return task.set_display_name(f"build bundle until {until}").output


def _judged(what: str, **inputs: Any) -> Any:
    return sized(evaluate(**inputs), LARGE).set_display_name(f"evaluate {what}").outputs["evaluation"]


@dsl.pipeline(name="training")
def training(
    lake: str = "/mnt/crossfade/lake",
    workspace: str = "/mnt/crossfade/workspace",
    settings: str = "",
    run: str = "",
    trigger: str = "",
) -> None:
    """Train a challenger, judge it against the champion on the same users, and publish it if it passes.

    Args:
        lake: Directory of the lake.
        workspace: Directory of bundles, promotions and reports.
        settings: YAML of the shape of `crossfade settings`; what it leaves out keeps its default.
        run: Name of this run in logs and reports.
        trigger: What started it, for example an alert; goes into the promotion log.
    """
    # Not reused: only looking tells what was imported since, and how stale the newest event is by now.
    refreshed = sized(refresh_lake(lake=lake, settings=settings), SMALL, is_reused=False)
    versions, counts = refreshed.outputs["Output"], refreshed.outputs["counts"]
    validated = sized(validate_data(lake=lake, settings=settings, versions=versions), SMALL, is_reused=False)
    validation = validated.outputs["validation"]

    made = sized(make_dataset(lake=lake, settings=settings, versions=versions).after(validated), MEDIUM)
    dataset = made.outputs["dataset"]

    for_ranker = _trained("validation", dataset=dataset, settings=settings)
    ranked = sized(train_ranker(dataset=dataset, sources=for_ranker, settings=settings), LARGE)
    ranker = ranked.outputs["ranker"]

    for_test = _trained("test", dataset=dataset, settings=settings, warm_start=for_ranker)
    what = {"dataset": dataset, "ranker": ranker, "settings": settings, "workspace": workspace}
    challenger = _built("test", sources=for_test, **what)

    about = {"dataset": dataset, "settings": settings, "workspace": workspace}
    rival = sized(find_rival(dataset=dataset, workspace=workspace), SMALL, is_reused=False).outputs
    judged = _judged("challenger", bundle=challenger, **about)
    other = _judged("champion", bundle=rival["bundle"], **about)
    sides = {"challenger": judged, "champion": other, "rival": rival["bundle"], "reigning": rival["champion"]}
    gated = sized(gate(settings=settings, **sides), SMALL)
    decision = gated.outputs["decision"]

    record = {
        "decision": decision, "evaluation": judged, "workspace": workspace, "settings": settings, "run": run,
        "trigger": trigger,
    }  # fmt: skip
    parts = {
        "counts": counts, "validation": validation, "evaluation": judged, "decision": decision,
        "workspace": workspace, "run": run,
    }  # fmt: skip
    with dsl.If(gated.outputs["Output"] == "promote"):
        for_listeners = _trained("end", dataset=dataset, settings=settings, warm_start=for_test)
        published = _built("end", sources=for_listeners, parent=challenger, **what)
        promoted = sized(promote(bundle=published, **record), SMALL, is_reused=False)
        sized(report(**parts).after(promoted), SMALL, is_reused=False)
    with dsl.Else():
        refused = sized(refuse(**record), SMALL, is_reused=False)
        sized(report(**parts).after(refused), SMALL, is_reused=False)
