"""`crossfade evaluate`: a bundle against baselines on held-out listening."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from crossfade.cli.options import chosen_files, chosen_settings, data_options, settings_options
from crossfade.schema.settings import Settings

if TYPE_CHECKING:
    from crossfade.evaluation.suite import Suite
    from crossfade.evaluation.trial import DataFiles

SHOWN = ("recall", "ndcg", "hit_rate", "precision")


@click.command("evaluate", short_help="Compare a bundle, or models of any data, with baselines.")
@click.option("--lake", "lake_dir", type=click.Path(path_type=Path), help="The lake to test a bundle on.")
@click.option("--workspace", "workspace_dir", type=click.Path(path_type=Path), help="Evaluate its champion.")
@click.option("--bundle", "bundle_dir", type=click.Path(path_type=Path), help="Evaluate this bundle.")
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def evaluate_command(
    lake_dir: Path | None,
    workspace_dir: Path | None,
    bundle_dir: Path | None,
    *,
    ks: tuple[int, ...],
    num_seeds: int,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Compare a bundle, or models trained on any data set, with baselines on listening that they have not seen.

    With --lake: a bundle, its sources alone and baselines. What is published knows all listening; its parent,
    fitted before the test period, stands for it. With --events, or --train and --test: all that Crossfade trains
    on those files, without a lake of your own. Every system ranks all tracks. Prints means over users with their
    bootstrap intervals, and paired tests against the best.

    \b
    Example:
      crossfade evaluate --lake lake --workspace workspace
      crossfade evaluate --lake lake --bundle workspace/bundles/3f9ac41be02d7781 --json
      crossfade evaluate --events listens.parquet --catalogue tracks.parquet --k 30 --seeds 5
      crossfade evaluate --train train.csv --valid valid.csv --test test.csv --mask train --k 10 --k 20
    """
    settings = chosen_settings(settings_file, assignments)
    files = chosen_files(options)
    if files is not None:
        if lake_dir or workspace_dir or bundle_dir:
            raise click.UsageError("Name either --lake with a bundle, or files; not both.")
        click.echo(_judged_files(files, settings, ks, num_seeds, as_json=as_json))
        return
    if lake_dir is None or (workspace_dir is None) == (bundle_dir is None):
        raise click.UsageError(
            "Name --lake and either --workspace or --bundle; or --events; or --train and --test."
        )
    if ks or num_seeds > 1:
        raise click.UsageError(
            "--k and --seeds are for files; a bundle is judged as it is, at --set evaluation.k=K."
        )
    click.echo(_judged_bundle(lake_dir, workspace_dir, bundle_dir, settings, as_json=as_json))


def _judged_bundle(
    lake_dir: Path, workspace_dir: Path | None, bundle_dir: Path | None, settings: Settings, *, as_json: bool
) -> str:
    from crossfade.evaluation.stages import evaluate_bundle
    from crossfade.features.make_dataset import make_dataset
    from crossfade.lake.lake import Lake

    dataset = make_dataset(Lake.open(lake_dir), settings)
    chosen = _champion(workspace_dir, dataset.split.test_start) if workspace_dir else bundle_dir
    assert chosen is not None
    with TemporaryDirectory() as folder:
        dataset.save(Path(folder) / "dataset")
        suite = evaluate_bundle(Path(folder) / "dataset", chosen, Path(folder) / "evaluation", settings)
        summary = (Path(folder) / "evaluation" / "summary.json").read_text("utf-8")
    if as_json:
        return json.dumps({"bundle": suite.recommender.bundle, **json.loads(summary)})
    return "\n".join(_lines(suite))


def _judged_files(
    files: "DataFiles", settings: Settings, ks: tuple[int, ...], num_seeds: int, *, as_json: bool
) -> str:
    from crossfade.evaluation.judging import judge_trial
    from crossfade.evaluation.suite import RECOMMENDER
    from crossfade.evaluation.table import table
    from crossfade.evaluation.trial import read_trial
    from crossfade.evaluation.trial_notes import described

    with TemporaryDirectory() as folder:
        trial = read_trial(files, Path(folder), settings)
        notes = described(trial, settings)
        seeds = range(settings.seed, settings.seed + num_seeds)
        chosen = ks or (settings.evaluation.k,)
        measured = judge_trial(
            trial, settings, chosen, seeds, progress=lambda line: click.echo(line, err=True)
        )
    if as_json:
        return json.dumps({"notes": notes, "seeds": list(seeds), **measured.as_json()}, allow_nan=False)
    return "\n".join([*notes, "", *table(measured, RECOMMENDER)])


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
