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


def kafka_options(function: Function) -> Function:
    """Add `--brokers HOST:PORT` and `--kafka-config FILE` as `brokers` and `kafka_config`."""
    function = click.option(
        "--kafka-config",
        type=click.Path(path_type=Path),
        help="Properties file with settings of librdkafka, for example of TLS and SASL.",
    )(function)
    return click.option("--brokers", required=True, help="Kafka brokers, host:port, several with commas.")(
        function
    )


def chosen_settings(settings_file: Path | None, assignments: tuple[str, ...]) -> Settings:
    """Return the settings that the options ask for.

    Raises:
        SettingsError: Names file or assignment, key and value.
    """
    return load_settings(settings_file, assignments)
