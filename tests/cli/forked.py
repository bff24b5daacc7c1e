"""Programs as steps: a process of its own that need not import again what others have."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from crossfade.cli.forking import Step, forker


def step(
    code: str, name: str = "step", imports: Sequence[str] = (), folder: Path | None = None, **environment: str
) -> Step:
    """Make a step of a program; its files are in a folder (None: the current one)."""
    folder = folder or Path.cwd()
    program = folder / f"{name}.py"
    program.write_text("def work():\n" + "".join(f"    {line}\n" for line in code.splitlines()))
    ask = json.dumps({"outputs": {"outputFile": str(folder / f"{name}.json")}})
    words = [
        "--component_module_path",
        str(program),
        "--function_to_execute",
        "work",
        "--executor_input",
        ask,
    ]
    return Step(words, {"PATH": os.environ["PATH"], **environment}, folder / f"{name}.log", imports)


def ended(what: Step) -> tuple[int, list[str]]:
    """Run a step; return its exit code and the lines of its log, of which KFP's last one tells of its output file."""
    code, _ = forker().start(what).wait()
    return code, what.log.read_text().splitlines()
