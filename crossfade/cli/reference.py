"""Writes docs/cli.md from the commands themselves: python -m crossfade.cli.reference > docs/cli.md."""

from collections.abc import Iterator
from typing import Final

import click

from crossfade.cli.main import cli

WIDTH: Final = 100
HEAD: Final = """# Command line

Every command shows this help with `--help`. A user's mistake is one line and exit code 2; what a run refuses to go on with is
one line and exit code 1; a stopped command exits with 130.

<!-- Generated; do not edit: python -m crossfade.cli.reference > docs/cli.md -->
"""


def reference() -> str:
    """Return the page: the help of every command, in the order of `crossfade --help`."""
    top = click.Context(cli, info_name="crossfade", terminal_width=WIDTH, **cli.context_settings)
    return "\n".join([HEAD, *(f"## {path}\n\n```text\n{text}\n```\n" for path, text in _helps(top))])


def _helps(context: click.Context) -> Iterator[tuple[str, str]]:
    yield context.command_path, context.get_help()
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from _helps(click.Context(command, parent=context, info_name=name))


if __name__ == "__main__":
    click.echo(reference(), nl=False)
