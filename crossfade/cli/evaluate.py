"""`crossfade evaluate`: a bundle against baselines on held-out listening."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from crossfade.cli.options import chosen_settings, settings_options

if TYPE_CHECKING:
    from crossfade.evaluation.suite import Suite

SHOWN = ("recall", "ndcg", "hit_rate", "precision")


@click.command("evaluate", short_help="Compare a bundle with baselines on held-out listening.")
@click.option(
    "--lake", "lake_dir", type=click.Path(path_type=Path), required=True, help="The lake to test on."
)
@click.option("--workspace", "workspace_dir", type=click.Path(path_type=Path), help="Evaluate its champion.")
@click.option("--bundle", "bundle_dir", type=click.Path(path_type=Path), help="Evaluate this bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def evaluate_command(
    lake_dir: Path,
    workspace_dir: Path | None,
    bundle_dir: Path | None,
    *,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Compare a bundle with its sources alone and with baselines, on listening that it has not seen.

    What is published knows all listening; its parent, fitted before the test period, stands for it. Prints
    means over users with their bootstrap intervals.

    \b
    Example:
      crossfade evaluate --lake lake --workspace workspace
      crossfade evaluate --lake lake --bundle workspace/bundles/3f9ac41be02d7781 --json
    """
    if (workspace_dir is None) == (bundle_dir is None):
        raise click.UsageError("Name either --workspace or --bundle.")
    from crossfade.evaluation.stages import evaluate_bundle
    from crossfade.features.make_dataset import make_dataset
    from crossfade.lake.lake import Lake

    settings = chosen_settings(settings_file, assignments)
    dataset = make_dataset(Lake.open(lake_dir), settings)
    start = dataset.split.test_start
    chosen = _champion(workspace_dir, start) if workspace_dir else bundle_dir
    assert chosen is not None
    with TemporaryDirectory() as folder:
        dataset.save(Path(folder) / "dataset")
        suite = evaluate_bundle(Path(folder) / "dataset", chosen, Path(folder) / "evaluation", settings)
        summary = (Path(folder) / "evaluation" / "summary.json").read_text("utf-8")
    if as_json:
        click.echo(json.dumps({"bundle": suite.recommender.bundle, **json.loads(summary)}))
    else:
        click.echo("\n".join(_lines(suite)))


def _champion(workspace_dir: Path, test_start: int) -> Path:
    """Return the bundle that stands for the workspace's champion.

    Raises:
        NotFoundError: There is no champion, or none of its family can be judged on this period.
    """
    from crossfade.evaluation.lineage import comparable_bundle
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.errors import NotFoundError

    workspace = Workspace.open(workspace_dir)
    champion = workspace.champion().name
    found = comparable_bundle(workspace.bundles, champion, test_start)
    if found is None:
        raise NotFoundError(
            f"Champion {champion} and its parents all know listening after second {test_start}, where the "
            "test period starts; import newer listening, or name another bundle by --bundle."
        )
    return found


def _lines(suite: "Suite") -> list[str]:
    """Return the table: a line for each system, mean and interval for each metric."""
    from crossfade.evaluation.suite import label

    k, users = suite.recommender.k, len(suite.recommender)
    confidence = round(100 * suite.recommender.resampling.confidence)
    width = max(len(label(name)) for name in suite.systems)
    lines = [
        f"Bundle {suite.recommender.bundle}, {users:,} test users, {confidence} % intervals in brackets.",
        "",
    ]
    lines.append(" " * width + "".join(f"  {f'{metric}@{k}':<24}" for metric in SHOWN).rstrip())
    for name, system in suite.systems.items():
        means = [system.summary["all"][metric] for metric in SHOWN]
        cells = "".join(f"  {f'{mean:.4f} [{low:.4f}, {high:.4f}]':<24}" for mean, low, high in means)
        lines.append(f"{label(name):<{width}}{cells}".rstrip())
    return lines
