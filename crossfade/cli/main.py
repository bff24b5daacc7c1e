"""The `crossfade` command: a group that imports a command only when it is called."""

from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple

import click

from crossfade.cli.collecting import collect_rarely
from crossfade.schema.errors import CrossfadeError

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it


class Lazy(NamedTuple):
    """Where a command lives, and its one line in `crossfade --help`."""

    module: str
    attribute: str
    summary: str


COMMANDS: Final = {
    "demo": Lazy("demo", "demo_command", "Run the whole loop on simulated listeners, down to a playlist."),
    "import": Lazy("import_", "import_command", "Import files into a lake."),
    "ingest": Lazy("ingest", "ingest_group", "Stream events into a lake."),
    "run": Lazy("run", "run_command", "Run a pipeline on this machine."),
    "compile": Lazy("compile", "compile_command", "Write pipelines as YAML for Kubeflow."),
    "submit": Lazy("submit", "submit_command", "Upload a pipeline to a Kubeflow server and start a run."),
    "recommend": Lazy("recommend", "recommend_command", "Recommend tracks to users."),
    "home": Lazy("home", "home_group", "Learn how Home's modules are best ordered."),
    "playlist": Lazy("playlist", "playlist_command", "Show a user's stored playlist."),
    "why": Lazy("why", "why_command", "Explain why a track is recommended to a user."),
    "serve": Lazy("serve", "serve_command", "Serve recommendations and playlists over HTTP."),
    "evaluate": Lazy(
        "evaluate", "evaluate_command", "Compare a bundle, or models of any data, with baselines."
    ),
    "experiment": Lazy(
        "experiment", "experiment_group", "Plan experiments, see where they stand, and take their steps."
    ),
    "drift": Lazy(
        "drift", "drift_command", "Find out whether listening has moved since the champion learnt."
    ),
    "index": Lazy("index", "index_group", "Look after the index of a trained bundle."),
    "bench": Lazy("bench", "bench_command", "Run a benchmark."),
    "twin": Lazy("twin", "twin_group", "Simulate a catalogue and its listeners."),
    "lake": Lazy("lake", "lake_group", "Look after a lake."),
    "lineage": Lazy("lineage", "lineage_command", "Show what led to a bundle, a generation or a slate."),
    "champion": Lazy("champion", "champion_group", "See which bundle serves and which did, and go back."),
    "features": Lazy("features", "features_group", "Look after features."),
    "store": Lazy("store", "store_group", "Look after published playlists."),
    "weekly": Lazy("weekly", "weekly_group", "Watch the weekly batch, or make its shards on Spark."),
    "erase": Lazy("erase", "erase_command", "Erase a person everywhere, with a signed receipt."),
    "export": Lazy("erase", "export_command", "Give a person all that is known about them."),
    "doctor": Lazy("doctor", "doctor_command", "Look for what this machine or a cluster lacks."),
    "settings": Lazy("settings", "settings_command", "Print the settings file, or the settings in effect."),
}


class LazyGroup(click.Group):
    """A click group over `COMMANDS`; saves `crossfade --help` from importing every command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names in the order of a first session."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(import_module(f"crossfade.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="crossfade")
def cli() -> None:
    """Crossfade turns listening events into Discover Weekly, Radio, Release Radar and Home.

    \b
    First steps:
      crossfade demo
      crossfade import events listens.parquet --lake lake
      crossfade run training --lake lake --workspace workspace
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what the library refuses becomes one line on stderr."""
    collect_rarely()
    given = None if arguments is None else list(arguments)
    try:
        code = cli.main(args=given, prog_name="crossfade", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CrossfadeError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0
