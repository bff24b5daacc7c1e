"""Reads `containers/Dockerfile` as far as tests ask: stages, and what each is built from."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    """A line, with what its continuation lines hold."""

    word: str
    text: str


class Stage(NamedTuple):
    """What stands between two FROM."""

    name: str
    parent: str
    instructions: list[Instruction]


def stages() -> dict[str, Stage]:
    """Return the stages by name, in the file's order."""
    text = (ROOT / "containers" / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    found: dict[str, Stage] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            parent, name = rest.split(" AS ")
            current = found[name] = Stage(name, parent, [])
        elif found:
            current.instructions.append(Instruction(word, rest))
    return found


def lineage(name: str) -> list[Stage]:
    """Return a stage and those that it is built from, the first last."""
    known, chain = stages(), []
    while name in known:
        chain.append(known[name])
        name = known[name].parent
    return chain


def texts(chain: list[Stage], word: str) -> list[str]:
    """Return what follows a word in a lineage, the stage's own first."""
    return [each.text for stage in chain for each in stage.instructions if each.word == word]
