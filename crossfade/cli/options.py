"""Options that several commands share, spelled once."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from crossfade.schema.errors import InputError
from crossfade.schema.settings import Settings, load_settings

if TYPE_CHECKING:
    from crossfade.evaluation.trial import DataFiles

PARTS: Final = {
    "events": "Events to be split by time, or at random where they have no timestamps.",
    "train": "Training events of a given split.",
    "valid": "Validation events of a given split.",
    "test": "Test events of a given split.",
}
ABOUT: Final = {
    "catalogue": "What is known of tracks.",
    "artists": "What is known of artists.",
    "users": "What is known of users.",
    "playlists": "Playlists.",
}

Function = TypeVar("Function", bound=Callable[..., object])


TRIGGER: Final = click.option(
    "--trigger",
    default="",
    metavar="TEXT",
    help="What starts a training, for example an alert; goes into the promotion log.",
)


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


def bearer_token(variable: str | None) -> str | None:
    """Return the token that an environment variable holds, None if none is named.

    Raises:
        InputError: The variable is not set, or empty.
    """
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise InputError(
            f"--token-env {variable}: the environment variable is not set or empty; it must hold a token."
        )
    return token


def data_options(function: Function) -> Function:
    """Add an option for each kind of file, `--mask`, `--k` and `--seeds`, all told apart by `chosen_files`."""
    for name, meaning in reversed((PARTS | ABOUT).items()):
        function = click.option(
            f"--{name}",
            multiple=True,
            type=click.Path(path_type=Path),
            help=f"{meaning} Parquet, CSV or JSON Lines; repeatable.",
        )(function)
    function = click.option(
        "--mask",
        type=click.Choice(["train", "train+valid"]),
        help="Of a given split: what test users are taken to know. It is masked, and final fits learn from it alone. "
        "Without it, all that is given but the test events.",
    )(function)
    function = click.option(
        "--k",
        "ks",
        multiple=True,
        type=click.IntRange(1),
        help="Length of the lists, repeatable; the first decides who is the best peer. Without it, evaluation.k.",
    )(function)
    return click.option(
        "--seeds",
        "num_seeds",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Train with so many seeds, from the settings' on, and show the spread over them.",
    )(function)


def chosen_files(options: Mapping[str, Any]) -> "DataFiles | None":
    """Return the files that the options of `data_options` name, None without any events."""
    from crossfade.evaluation.trial import VALID, DataFiles, Mask

    parts = {name: options[name] for name in PARTS if options[name]}
    about = {name: options[name] for name in ABOUT if options[name]}
    if not parts and (about or options["mask"]):
        raise click.UsageError(
            "Name --events, or --train and --test; without them there is nothing to judge."
        )
    known = Mask.TRAIN_VALID if VALID in parts else Mask.TRAIN
    return DataFiles(parts, about, Mask(options["mask"] or known)) if parts else None
