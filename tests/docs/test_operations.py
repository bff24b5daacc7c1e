"""Pages for who runs it: commands are the command line's, figures stand where they say that they do, images too."""

import re
import shlex
from pathlib import Path
from typing import Final

import click
import pytest

from crossfade.cli.main import cli
from crossfade.schema.settings import default_settings
from tests.containers.dockerfile import stages, texts
from tests.containers.test_images import EXTRAS, IMAGES

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = ("install.md", "operations.md", "pipelines.md", "security.md")
NUMBER: Final = re.compile(r"\d[\d,.]*\d|\d")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_those_of_the_command_line(name: str) -> None:
    """Every `crossfade ...` of code, in a line or in a block, names a command and its options."""
    text = page(name).replace("\\\n", " ")
    blocks = re.findall(r"^ {4,}(crossfade .*)$", text, re.MULTILINE)
    inline = re.findall(r"`(crossfade [^`]+)`", text)
    assert blocks or inline
    for line in [*blocks, *inline]:
        words = shlex.split(line, comments=True)[1:]
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            found = command.get_command(click.Context(command), words[0])
            assert found is not None, line
            command, words = found, words[1:]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("name", PAGES)
def test_settings_are_those_of_the_manual(name: str) -> None:
    known = default_settings().model_dump()
    named = re.findall(r"`([a-z_]+)\.([a-z_]+)(?:=[^`\n]*)?`", page(name))
    assert any(section in known for section, _ in named), "files are named like settings, too"
    assert [
        f"{section}.{key}" for section, key in named if section in known and key not in known[section]
    ] == []


def test_figures_of_capacity_stand_in_their_source() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \| \[[^\]]+\]\((\S+)\) \|$", page("operations.md"), re.MULTILINE)
    assert len(rows) == 11
    for work, figure, source in rows:
        there = (DOCS / source).resolve().read_text("utf-8")
        for number in NUMBER.findall(f"{work} {figure}"):
            assert re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d])", there), f"{number} of {work!r}"


def test_what_follows_is_multiplied_rightly() -> None:
    text = page("operations.md")
    per_playlist, per_radio, per_stored, per_core = 0.81e-3, 7.5e-3, 0.64e-3, 102_000
    for told, cores in {
        "1 M users in 1 hour: 0.2": 1e6 * per_playlist / 3600,
        "100 M in 24 hours: 0.9": 1e8 * per_playlist / 86_400,
        "100 a second: 1.5": 100 * per_radio * 2,
        "1,000 a second: 1.3": 1000 * per_stored * 2,
        "1 G a day: 0.1": 1e9 / 86_400 / per_core,
    }.items():
        assert told in text
        assert round(cores, 1) == float(told.rpartition(" ")[2])


@pytest.mark.parametrize("image", IMAGES)
def test_images_are_those_of_the_dockerfile(image: str) -> None:
    (row,) = re.findall(rf"^\| `crossfade/{image}` \| (.+?) \| (.+) \|$", page("install.md"), re.MULTILINE)
    assert row[0].split(", ") == EXTRAS[image]
    exposed = {port for text in texts([stages()[image]], "EXPOSE") for port in text.split()}
    assert set(re.findall(r"\b80\d\d\b", row[1])) == exposed
