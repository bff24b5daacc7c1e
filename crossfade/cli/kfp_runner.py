"""KFP's local runner, made to use our steps; all that depends on how KFP 2.17 works inside stands here.

KFP's own task handler prints what a step prints, measures nothing and forgets why it failed, and a condition
that KFP cannot read is false to it. Here steps run as `Steps` runs them, and such a condition ends the run.
"""

import builtins
import contextlib
import json
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

from crossfade.cli.forking import Step
from crossfade.cli.steps import Steps, Timing
from crossfade.schema.errors import CrossfadeError, MissingExtraError

REUSED: Final = re.compile(r"Task (\S+) cache hit")
ITERATION: Final = re.compile(r"-iteration-(\d+)/")
SCRIPT: Final = 2  # of a component's command: sh -c SCRIPT CODE ARGUMENT...
EXECUTOR: Final = (
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main"  # in the script, for a file that has the code
)
IMPORTED: Final = re.compile(
    r"^ +from (crossfade\.[\w.]+) import|^ +import (crossfade\.[\w.]+)", re.MULTILINE
)
# What components import later than with their first lines, and that takes seconds.
LATE: Final = {
    "validate_data": "crossfade.quality.expectations:import_gx",
    "train_retrieval": "crossfade.retrieval.tensorflow_setup",
    "promote": "crossfade.recommender.registry:import_mlflow",
    "refuse": "crossfade.recommender.registry:import_mlflow",
}


def run_pipeline(text: str, arguments: Mapping[str, Any], steps: Steps, log: TextIO) -> None:
    """Run a compiled pipeline in KFP's local runner.

    Args:
        text: The pipeline as YAML.
        arguments: Values of its parameters.
        steps: Runs its steps; `artifacts` and `tmp` in their folder and `cache` beside it are used.
        log: Receives what KFP says.

    Raises:
        CrossfadeError: A step failed, or a condition could not be read.
        MissingExtraError: KFP is not installed.
    """
    try:
        from kfp import components, local
    except ImportError as error:
        raise MissingExtraError("kfp", "pipelines") from error
    folder = steps.directory
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "artifacts"),
        workspace_root=str(folder / "tmp" / "kfp"),
        enable_caching=True,
        cache_root=str(folder.parent / "cache"),
    )
    names = step_names(yaml.safe_load(text))
    with (
        _our_task_handler(steps, names),
        _watched_log(steps, names, log),
        contextlib.redirect_stdout(log),
        _same_print(),
    ):
        try:
            components.load_component_from_text(text)(**arguments)
        except RuntimeError as error:
            # A loop tells a failed iteration by name only; the step itself has told us why.
            raise steps.failure or error from error


def step_names(spec: Mapping[str, Any]) -> dict[str, str]:
    """Map the names of a pipeline's components and tasks to names for people."""
    dags = [part["dag"] for part in (spec["root"], *spec["components"].values()) if "dag" in part]
    names: dict[str, str] = {}
    for task, about in (task for dag in dags for task in dag["tasks"].items()):
        name = about["taskInfo"]["name"].replace(" ", "-")
        names |= {task: name, about["componentRef"]["name"].removeprefix("comp-"): name}
    return names


@contextlib.contextmanager
def _our_task_handler(steps: Steps, names: Mapping[str, str]) -> Iterator[None]:
    from kfp.local import status, subprocess_task_handler

    class Task:
        """One task as KFP sees it (`kfp.local.task_handler_interface`)."""

        def __init__(self, full_command: list[str], env_vars: dict[str, str], **_: object) -> None:
            self._command, self._environment = full_command, env_vars

        def run(self) -> object:
            steps.run(
                _name_of(self._command, names), lambda log: _step(self._command, self._environment, log)
            )
            return status.Status.SUCCESS

    theirs = subprocess_task_handler.SubprocessTaskHandler
    subprocess_task_handler.SubprocessTaskHandler = Task
    try:
        yield
    finally:
        subprocess_task_handler.SubprocessTaskHandler = theirs


@contextlib.contextmanager
def _same_print() -> Iterator[None]:
    """Put the builtin `print` back: KFP replaces it for each task, and two at a time restore it wrongly."""
    before = builtins.print
    try:
        yield
    finally:
        builtins.print = before


def _name_of(command: list[str], names: Mapping[str, str]) -> str:
    """Name a step by where it is told to write: its component's folder, in a loop within its iteration's."""
    place = json.loads(command[command.index("--executor_input") + 1])["outputs"]["outputFile"]
    component = Path(place).parent.name
    iteration = ITERATION.search(place)
    return names.get(component, component) + (f"-{iteration.group(1)}" if iteration else "")


def _step(command: list[str], environment: Mapping[str, str], log: Path) -> Step:
    """Do what the command's script does, but for starting Python."""
    script, code, *arguments = command[SCRIPT:]
    assert EXECUTOR in script, f"KFP starts its steps otherwise than known: {script}"
    program = Path(tempfile.mkdtemp(dir=log.parent / "tmp")) / "ephemeral_component.py"
    program.write_text(code, "utf-8")
    function = arguments[arguments.index("--function_to_execute") + 1]
    imports = [found[1] or found[2] for found in IMPORTED.finditer(code)]
    return Step(
        ["--component_module_path", str(program), *arguments],
        {**os.environ, **environment, "_KFP_RUNTIME": "true"},
        log,
        [*imports, *((LATE[function],) if function in LATE else ())],
    )


@contextlib.contextmanager
def _watched_log(steps: Steps, names: Mapping[str, str], log: TextIO) -> Iterator[None]:
    """Keep KFP's log, learn of reused steps from it, and raise on its warnings; its logger is the root's."""

    class Watch(logging.StreamHandler):  # type: ignore[type-arg]
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            message = record.getMessage()
            if reused := REUSED.match(message):
                steps.record(Timing(names.get(reused.group(1), reused.group(1)), "reused"))
            elif record.name == "root" and record.levelno == logging.WARNING and "cache entry" not in message:
                steps.failure = CrossfadeError(f"KFP could not read a condition of the pipeline: {message}")
                raise steps.failure

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [Watch(log)]
    root.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            # Resource requests and display names are for clusters.
            warnings.filterwarnings("ignore", r"Task .* have no effect in the current local", UserWarning)
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
