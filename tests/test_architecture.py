"""The house of docs/architecture.md: who may import whom, how long things are, what every command says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from crossfade.cli.main import cli

ROOT = Path(__file__).parent.parent
PACKAGES = ("crossfade", "components", "pipelines", "serving", "monitoring", "benchmarks", "tests")

# Inside crossfade/, imports go down this list.
LAYERS = (
    "schema", "lake", "sources", "twin", "quality", "features", "retrieval", "ranking", "reranking",
    "recommender", "evaluation", "store", "experiments", "privacy", "cli",
)  # fmt: skip
# Outside it, a package imports itself and these.
ALLOWED = {
    "crossfade": set(),
    "components": {"crossfade", "monitoring"},
    "pipelines": {"components"},
    "serving": {"crossfade"},
    "monitoring": {"crossfade"},
}
# Heavy libraries, and the only places that need them.
HOMES = {
    "cassandra": ("crossfade/store",),
    "catboost": ("crossfade/ranking",),
    "confluent_kafka": ("crossfade/sources",),
    "deltalake": ("crossfade/lake",),
    "duckdb": ("crossfade/lake", "crossfade/sources", "crossfade/quality"),
    "fastavro": ("crossfade/sources",),
    "grafana_foundation_sdk": ("monitoring/dashboards",),
    "great_expectations": ("crossfade/quality",),
    "httpx": ("serving", "crossfade/cli"),
    "ibis": ("crossfade/lake", "crossfade/sources", "crossfade/quality", "monitoring/drift"),
    "implicit": ("benchmarks",),
    "jinja2": ("crossfade/evaluation",),
    "kfp": ("components", "pipelines", "crossfade/cli"),
    "kfp_server_api": ("crossfade/cli",),
    "kserve": ("serving",),
    "kubernetes": ("components/rollout",),
    "lightgbm": ("crossfade/ranking",),
    "lmdb": ("crossfade/store",),
    "matplotlib": ("crossfade/evaluation",),
    "mlflow": ("crossfade/recommender",),
    "opentelemetry": ("serving", "benchmarks"),
    "prometheus_client": ("crossfade/schema",),
    "pyspark": ("crossfade/lake",),
    "redis": ("crossfade/store",),
    "scann": ("crossfade/retrieval",),
    "sqlalchemy": ("crossfade/quality",),
    "starlette": ("serving", "monitoring/receiver"),
    "tensorflow": ("crossfade/retrieval",),
    "tensorflow_recommenders": ("crossfade/retrieval",),
    "uvicorn": ("serving", "monitoring/receiver"),
}
# Too slow to import for a command's --help.
NOT_IN_CLI = {*HOMES, "numba", "pandas", "scipy"}
MOST_LINES = 300
MOST_COMPONENT_LINES = 15


def source_files(*packages: str) -> list[Path]:
    return sorted(file for package in packages for file in (ROOT / package).rglob("*.py"))


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in source_files(*PACKAGES)}


def imports(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """Yield the modules that import statements name; `from package import module` names the module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            base = node.module or ""
            yield from (full if (full := f"{base}.{alias.name}") in MODULES else base for alias in node.names)


def imports_of(file: Path) -> set[str]:
    return set(imports(ast.walk(parsed(file))))


def test_layers_inside_crossfade_import_only_downwards() -> None:
    wrong = []
    for file in source_files("crossfade"):
        parts = file.relative_to(ROOT / "crossfade").parts
        if len(parts) == 1:
            continue
        layer = LAYERS.index(parts[0])
        for name in imports_of(file):
            package, _, rest = name.partition(".")
            if package == "crossfade" and rest and LAYERS.index(rest.partition(".")[0]) > layer:
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_packages_import_only_what_stands_below_them() -> None:
    wrong = []
    for package, below in ALLOWED.items():
        for file in source_files(package):
            is_roof = file.is_relative_to(ROOT / "crossfade" / "cli")
            for name in imports_of(file):
                top = name.partition(".")[0]
                is_upward = top in PACKAGES and top not in {package, *below}
                is_roof_used = name.startswith("crossfade.cli") and not is_roof
                if (is_upward and not is_roof) or is_roof_used:
                    wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        name: {found for found in imports_of(file) if found in MODULES} for name, file in MODULES.items()
    }
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for found in sorted(graph[name]):
                visit(found, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])


def test_heavy_libraries_are_imported_only_where_they_are_needed() -> None:
    wrong = []
    for file in source_files("crossfade", "components", "pipelines", "serving", "monitoring", "benchmarks"):
        place = file.relative_to(ROOT).as_posix()
        for name in {name.partition(".")[0] for name in imports_of(file)} & HOMES.keys():
            if not place.startswith((*HOMES[name], "benchmarks")):
                wrong.append(f"{place} imports {name}, which only {HOMES[name]} may")
    assert wrong == []


def test_commands_import_heavy_libraries_only_when_they_run() -> None:
    wrong = [
        f"{file.name} imports {name}"
        for file in source_files("crossfade/cli")
        for name in imports(parsed(file).body)
        if name.partition(".")[0] in NOT_IN_CLI
    ]
    assert wrong == []


def test_modules_are_short_enough_to_be_read() -> None:
    files = source_files(*PACKAGES)
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in files}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def component_files() -> list[Path]:
    return sorted((ROOT / "components").glob("*/component.py"))


@pytest.mark.parametrize("file", component_files(), ids=lambda file: file.parent.name)
def test_a_component_is_a_signature_around_one_library_call(file: Path) -> None:
    (function,) = (node for node in parsed(file).body if isinstance(node, ast.FunctionDef))
    assert function.name == file.parent.name
    body = function.body[1:]
    assert ast.get_docstring(function), "says in its docstring what it does"
    lines = file.read_text("utf-8").splitlines()[body[0].lineno - 1 : function.end_lineno]
    assert len([line for line in lines if line.strip()]) <= MOST_COMPONENT_LINES
    # Only the function's own text reaches the container, and nothing is installed there.
    (decorator,) = (node for node in function.decorator_list if isinstance(node, ast.Call))
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in decorator.keywords}
    assert options == {"base_image": "IMAGE", "install_kfp_package": "False"}
    readme = (file.parent / "README.md").read_text("utf-8")
    assert [line for line in readme.splitlines() if line.startswith("#")] == [
        f"# {function.name}", "## Inputs", "## Outputs", "## Example",
    ]  # fmt: skip
    arguments = {argument.arg for argument in function.args.args}
    assert {name for name in arguments if f"`{name}`" not in readme} == set()


def test_every_component_is_wired_into_a_pipeline() -> None:
    wired = {
        name
        for file in source_files("pipelines")
        for name in imports_of(file)
        if name.startswith("components.")
    }
    assert {f"components.{file.parent.name}.component" for file in component_files()} <= wired


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, f"{path} {name}")
    else:
        yield path, command


def test_the_help_of_every_command_shows_an_example() -> None:
    helps = {path: str(command.help) for path, command in commands(cli, "crossfade")}
    assert [
        path for path, text in helps.items() if not re.search(rf"^ +{path}( |$)", text, re.MULTILINE)
    ] == []


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        f"{path} {option.name}"
        for path, command in commands(cli, "crossfade")
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []
