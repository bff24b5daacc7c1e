"""The commands of containers, read by the very parsers that will read them."""

import argparse
import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import click

from crossfade.cli.main import cli
from tests.manifests.pods import pods
from tests.manifests.rendering import ROOT, Object, of_kind

VARIABLE: Final = re.compile(r"\$\((\w+)\)")
# What a field of the pod is when it runs.
FIELDS: Final = {"metadata.name": "pod-0", "metadata.namespace": "crossfade"}
# Whose options we do not know; a shell gives it a password where there is one.
REDIS: Final = ["exec", "redis-server"]


def commands(objects: Sequence[Object]) -> Iterator[tuple[str, Mapping[str, Any], list[str]]]:
    """Yield each command with its owner and container, variables put in as Kubernetes does."""
    addresses = next(
        each["data"]
        for name, each in of_kind(objects, "ConfigMap").items()
        if name.startswith("crossfade-addresses")
    )
    for pod in pods(objects):
        for container in pod.containers:
            known = dict(addresses) if "envFrom" in container else {}
            for each in container.get("env", []):
                field = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
                known[each["name"]] = each.get("value", FIELDS.get(field, "secret"))
            words = [*container["command"], *container.get("args", [])]
            yield pod.owner, container, [_filled(word, known) for word in words]
    for name, spark in of_kind(objects, "ScheduledSparkApplication").items():
        told = spark["spec"]["template"]
        yield f"ScheduledSparkApplication/{name}", told["driver"], ["crossfade", *told["arguments"]]


def _filled(word: str, known: Mapping[str, str]) -> str:
    """Put variables into a word; one that is not known stays, and is no address or path that anything understands."""
    return VARIABLE.sub(lambda found: known.get(found[1], found[0]), word)


def complaint(words: Sequence[str]) -> str:
    """Return what a command's own parser says against it, "" for nothing."""
    if left := VARIABLE.search(" ".join(words)):
        return f"{left[0]} is not set"
    if words[:2] == ["python", "-m"]:
        return _of_module(words[2], words[3:])
    if words[0] == "crossfade":
        return _of_crossfade(words[1:])
    is_redis = words[:2] == ["sh", "-c"] and words[2].split()[:2] == REDIS
    return "" if is_redis else f"{words[0]} is none of our commands"


class _RefusedError(Exception):
    """What argparse would have printed before it exits."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise _RefusedError(message)


@cache
def module_parser(module: str) -> argparse.ArgumentParser:
    """Return the parser that a module's `parser` makes, without importing the servers that the module starts."""
    source = Path(ROOT, *module.split("."), "__main__.py").read_text("utf-8")
    (made,) = (
        each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == "parser"
    )
    names: dict[str, Any] = {"argparse": argparse, "Path": Path, "__doc__": ""}
    code = compile(ast.Module([made], []), module, "exec")
    exec(code, names)
    options = names["parser"]()
    options.__class__ = _Parser
    return options  # type: ignore[no-any-return]


def _of_module(module: str, words: Sequence[str]) -> str:
    try:
        module_parser(module).parse_args(words)
    except _RefusedError as error:
        return str(error)
    return ""


def _of_crossfade(words: Sequence[str]) -> str:
    context, command, left = click.Context(cli), cli, list(words)
    try:
        while isinstance(command, click.Group):
            _, found, left = command.resolve_command(context, left)
            assert found is not None
            command, context = found, click.Context(found, parent=context)
        command.parse_args(context, left)
    except click.ClickException as error:
        return error.format_message()
    return ""
