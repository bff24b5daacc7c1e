"""Reads what the steps of a training run left behind, and writes its report."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from crossfade.evaluation.decision import Decision
from crossfade.evaluation.json_files import read_json
from crossfade.evaluation.report.inputs import Curve, Expectation, ReportInputs, Step, Volume
from crossfade.evaluation.report.write import write_report
from crossfade.evaluation.samples import load_samples
from crossfade.evaluation.suite import Suite
from crossfade.quality.report import shown
from crossfade.recommender.manifest import DIGEST, Manifest, read_manifest
from crossfade.recommender.workspace import Workspace

TIMINGS: Final = "timings.json"
VALIDATION: Final = "validation.json"


@dataclass(frozen=True)
class Parts:
    """Where steps of one training run wrote their results.

    Args:
        counts: JSON file, counts of each lake table.
        validation: Directory of `crossfade.quality.report.write`.
        evaluation: Directory of `evaluate_bundle`, the challenger's.
        decision: JSON file of `gate_bundles`.
    """

    counts: Path
    validation: Path
    evaluation: Path
    decision: Path


def report_run(parts: Parts, workspace: Workspace, run_id: str, page: Path) -> Path:
    """Write the report of a training run to a page and into the workspace.

    Args:
        parts: Results of the run's steps.
        workspace: Has the challenger, and the times of the steps if the run was local.
        run_id: The run.
        page: HTML file to write.

    Returns:
        The report in the workspace, named by the run.

    Raises:
        IntegrityError: A result is missing or damaged.
        NotFoundError: The challenger is gone.
    """
    decision = Decision.load(parts.decision)
    manifest = read_manifest(workspace.bundle(decision.challenger))
    inputs = ReportInputs(
        title=f"Training run {run_id}",
        facts=_facts(manifest, workspace),
        volumes=[_volume(table) for table in read_json(parts.counts)],
        expectations=[_expectation(result) for result in read_json(parts.validation / VALIDATION)["results"]],
        curves=_curves(manifest["metrics"].get("two_tower", [])),
        suite=Suite.load(parts.evaluation),
        decision=decision,
        playlists=load_samples(parts.evaluation),
        steps=_steps(workspace.runs / run_id / TIMINGS),
    )
    kept = workspace.reports / f"{run_id}.html"
    write_report(inputs, page, kept)
    return kept


def _facts(manifest: Manifest, workspace: Workspace) -> dict[str, str]:
    window = manifest["window"]
    versions = [f"{name} {version}" for name, version in sorted(manifest["lake_versions"].items())]
    return {
        "Challenger": manifest[DIGEST],
        "Champion": workspace.champion_digest() or "none",
        "Code": manifest["code_version"],
        "Learnt from": f"{_day(window['start'])} to {_day(window['end'])}",
        "Tested to": _day(window["split"]["end"]),
        "Lake": ", ".join(filter(None, [manifest.get("lake"), *versions])),
    }


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _volume(table: dict[str, Any]) -> Volume:
    counts = (table[name] for name in ("rows_in", "rows_silver", "rows_quarantined", "rows_duplicate"))
    return Volume(table["name"], *counts)


def _expectation(result: dict[str, Any]) -> Expectation:
    about = f"{result['column']}: " if result["column"] else ""
    asked = f"{about}{result['name']} ({result['limit']})"
    found = result["raised"] or shown(result["observed"])
    return Expectation(result["table"], asked, found, result["passed"])


def _curves(epochs: list[dict[str, Any]]) -> list[Curve]:
    """Return loss and validation recall of the two-tower; the best recall is where early stopping ended."""
    titles = {"loss": "Two-tower: loss", "validation_recall": "Two-tower: validation recall"}
    recalls = [epoch["validation_recall"] for epoch in epochs]
    best = recalls.index(max(recalls)) if recalls and None not in recalls else None
    curves = {title: [epoch[name] for epoch in epochs] for name, title in titles.items()}
    return [Curve(title, values, chosen=best) for title, values in curves.items() if None not in values]


def _steps(path: Path) -> list[Step]:
    """Return the times of a local run; a cluster keeps them itself."""
    times = read_json(path) if path.is_file() else []
    return [Step(time["step"], time["seconds"], time["peak_rss_bytes"], time["status"]) for time in times]
