"""Options that several commands share, spelled once."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from crossfade.schema.settings import Settings, load_settings

Function = TypeVar("Function", bound=Callable[..., object])


def settings_options(function: Function) -> Function:
    """Add `--settings FILE` and `--set KEY=VALUE` as `settings_file` and `assignments`."""
    function = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change one setting, for example split.test_days=7; repeatable.",
    )(function)
    return click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path),
        help="YAML file; what it leaves out keeps its default.",
    )(function)


def chosen_settings(settings_file: Path | None, assignments: tuple[str, ...]) -> Settings:
    """Return the settings that the options ask for.

    Raises:
        SettingsError: Names file or assignment, key and value.
    """
    return load_settings(settings_file, assignments)
