"""`crossfade settings`: the default settings file, or the settings in effect."""

from pathlib import Path

import click

from crossfade.cli.options import chosen_settings, settings_options
from crossfade.schema.settings import default_text


@click.command("settings", short_help="Print the settings file, or the settings in effect.")
@settings_options
def settings_command(settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Print the settings file, or the settings in effect.

    Without options: the default file, in which every key has its meaning, unit and reason. With --settings or
    --set: the values that a run with these options would use.

    \b
    Example:
      crossfade settings > settings.yaml
      crossfade settings --settings settings.yaml --set split.test_days=7
    """
    if settings_file is None and not assignments:
        click.echo(default_text(), nl=False)
    else:
        click.echo(chosen_settings(settings_file, assignments).dumps(), nl=False)
