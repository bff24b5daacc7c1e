"""`crossfade bench`: run one file of the source checkout's `benchmarks/`."""

import ast
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from crossfade.cli.options import chosen_files, data_options
from crossfade.schema.errors import NotFoundError

# What a benchmark may read besides --quick and --directory (its `READS`), and the option that sets it.
OPTIONS: Final = {
    "files": "--events, --train and --test",
    "ks": "--k",
    "num_seeds": "--seeds",
    "num_listens": "--listens",
    "revision": "--revision",
}


class _ListingCommand(click.Command):
    """A command whose help lists the benchmarks that are there, read without importing any."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each benchmark."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Benchmarks"):
            formatter.write_dl(list(_benchmarks().items()) or [("none", "benchmarks/ is not installed")])


@click.command("bench", cls=_ListingCommand, short_help="Run a benchmark.")
@click.argument("name")
@click.option("--quick", is_flag=True, help="Take under a minute, at the cost of precision.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Measure on the data of a directory that `crossfade demo` made.",
)
@click.option(
    "--listens",
    "num_listens",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Measure on about so many listens; 0 takes the benchmark's own number.",
)
@click.option(
    "--revision",
    default="",
    metavar="REV",
    help="Of Git: the version that is upgraded from; else this checkout.",
)
@data_options
@click.pass_context
def bench_command(
    ctx: click.Context,
    /,
    name: str,
    *,
    quick: bool,
    as_json: bool,
    directory: Path | None,
    ks: tuple[int, ...],
    num_seeds: int,
    num_listens: int,
    revision: str,
    **options: Any,
) -> None:
    """Run one benchmark and print its figures; the exit code is 1 when one misses its bar.

    \b
    Example:
      crossfade bench help
      crossfade bench quality --directory demo-real --json
      crossfade bench quality --train train.csv --test test.csv --k 10 --k 20 --seeds 5
    """
    files = chosen_files(options)
    if files is not None and directory is not None:
        raise click.UsageError("Name either --directory or files; not both.")
    given: dict[str, Any] = {"files": files, "ks": ks, "num_seeds": num_seeds, "num_listens": num_listens}
    result = _run(name, quick=quick, directory=directory, revision=revision, **given)
    if as_json:
        click.echo(json.dumps(result.as_json(name)))
    else:
        click.echo("\n".join(_lines(result)))
    ctx.exit(0 if all(bar.holds for bar in result.bars.values()) else 1)


def _run(name: str, **given: Any) -> Any:
    """Import `benchmarks.<name>` and return its result.

    Raises:
        NotFoundError: There are no benchmarks, or none of this name.
    """
    known = _benchmarks()
    if not known:
        raise NotFoundError("There are no benchmarks; run this in a source checkout after: make install.")
    if name not in known:
        raise NotFoundError(f"Benchmark {name!r} does not exist; choose one of: {', '.join(known)}.")
    options, module = import_module("benchmarks.harness").Options, import_module(f"benchmarks.{name}")
    for field, option in OPTIONS.items():
        if given[field] != getattr(options(), field) and field not in getattr(module, "READS", ()):
            raise click.UsageError(f"Benchmark {name!r} does not read {option}.")
    return module.run(options(**given))


def _benchmarks() -> dict[str, str]:
    """Return name -> first line of the docstring of every benchmark, in the order of names."""
    found = find_spec("benchmarks")
    folders = [Path(place) for place in found.submodule_search_locations or ()] if found else []
    files = [path for folder in folders for path in (*folder.glob("*.py"), *folder.glob("*/__init__.py"))]
    summaries = {}
    for path in sorted(files):
        source = ast.parse(path.read_text("utf-8"))
        name = path.parent.name if path.name == "__init__.py" else path.stem
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in source.body):
            summaries[name] = (ast.get_docstring(source) or "").partition("\n")[0]
    return dict(sorted(summaries.items()))


def _lines(result: Any) -> list[str]:
    """Return notes, figures and bars for people."""
    width = max(map(len, result.figures), default=0)
    lines = [*result.notes, ""] if result.notes else []
    lines += [f"{name:<{width}}  {value}" for name, value in result.figures.items()]
    for name, bar in result.bars.items():
        side = f"at most {bar.at_most}" if bar.at_least is None else f"at least {bar.at_least}"
        lines.append(f"{'holds ' if bar.holds else 'MISSED'}  {name}: {bar.value} ({side})")
    return lines
