"""The roof: lazy commands, one clear line for an error, exit codes."""

import subprocess
import sys

import click
import pytest

from crossfade.cli import main as roof
from crossfade.schema.errors import InputError, TrainingError

HEAVY = {
    "deltalake", "duckdb", "great_expectations", "ibis", "kfp", "lightgbm", "lmdb", "matplotlib", "mlflow",
    "numba", "pandas", "scann", "scipy", "tensorflow",
}  # fmt: skip
LIGHT = {"numpy", "pyarrow", "pydantic", "rich", "yaml"}


def imported_by(*arguments: str) -> tuple[str, set[str]]:
    """Run the command line in a process of its own; return its output and the packages that it imported."""
    code = (
        "import sys; from crossfade.cli.main import main; code = main(sys.argv[1:]);"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, set(done.stderr.split())


def test_help_imports_next_to_nothing() -> None:
    text, packages = imported_by("--help")
    assert "demo" in text
    assert packages.isdisjoint(HEAVY | LIGHT)


@pytest.mark.parametrize("name", roof.COMMANDS)
def test_the_help_of_no_command_imports_anything_heavy(name: str) -> None:
    text, packages = imported_by(name, "--help")
    assert f"crossfade {name}" in text
    assert packages.isdisjoint(HEAVY)


@pytest.mark.parametrize(("name", "lazy"), roof.COMMANDS.items())
def test_the_list_says_what_the_command_itself_says(name: str, lazy: roof.Lazy) -> None:
    command = roof.cli.get_command(click.Context(roof.cli), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=200).startswith(lazy.summary.rstrip("."))


def test_unknown_command_and_wrong_option_are_the_users_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert roof.main(["fly"]) == 2
    assert "No such command 'fly'" in capsys.readouterr().err
    assert roof.main(["settings", "--fly"]) == 2
    assert "No such option '--fly'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("File a.csv is empty."), 2, "error: File a.csv is empty.\n"),
        (TrainingError("Loss is NaN."), 1, "error: Loss is NaN.\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_ends_a_command_becomes_one_line_and_a_code(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command("settings")
    def failing() -> None:
        raise error

    monkeypatch.setattr("crossfade.cli.settings.settings_command", failing)
    assert roof.main(["settings"]) == code
    assert capsys.readouterr().err.lstrip("\n") == line


def test_settings_prints_the_manual_or_what_is_in_effect(capsys: pytest.CaptureFixture[str]) -> None:
    assert roof.main(["settings"]) == 0
    assert "# one seed for sampling" in capsys.readouterr().out
    assert roof.main(["settings", "--set", "split.test_days=5"]) == 0
    assert "test_days: 5" in capsys.readouterr().out
    assert roof.main(["settings", "--set", "split.test_days=x"]) == 2
    assert "error: settings: split.test_days='x'" in capsys.readouterr().err


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert roof.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("crossfade, version ")
