"""Which bundle a command works with: one that is named, or a workspace's champion."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from crossfade.recommender.recommend import Recommender

Function = TypeVar("Function", bound=Callable[..., object])


def bundle_options(function: Function) -> Function:
    """Add `--bundle DIR` and `--workspace DIR` as `bundle_dir` and `workspace_dir`."""
    function = click.option(
        "--workspace", "workspace_dir", type=click.Path(path_type=Path), help="Take its champion."
    )(function)
    return click.option("--bundle", "bundle_dir", type=click.Path(path_type=Path), help="Take this bundle.")(
        function
    )


def open_recommender(bundle_dir: Path | None, workspace_dir: Path | None) -> "Recommender":
    """Open the bundle that the options name.

    Raises:
        click.UsageError: Not exactly one of the two is named.
        NotFoundError: There is no such bundle, workspace or champion.
        IntegrityError: The bundle is damaged.
    """
    if (bundle_dir is None) == (workspace_dir is None):
        raise click.UsageError("Name either --bundle DIR or --workspace DIR.")
    from crossfade.recommender.recommend import Recommender
    from crossfade.recommender.workspace import Workspace

    return Recommender.load(bundle_dir or Workspace.open(Path(str(workspace_dir))).champion())
