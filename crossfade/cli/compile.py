"""`crossfade compile`: pipelines as YAML for Kubeflow, or as Kubernetes objects."""

import contextlib
import hashlib
import inspect
import io
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import click
import yaml

from crossfade.cli.options import chosen_settings, settings_options
from crossfade.cli.placement import placed
from crossfade.schema.cluster_settings import StepSettings
from crossfade.schema.code import VERSION
from crossfade.schema.errors import MissingExtraError

PIPELINES: Final = ("training", "weekly", "drift", "experiment")


def compiled(
    name: str, image: str | None = None, *, steps: StepSettings | None = None, **options: Any
) -> str:
    """Compile a pipeline to YAML; equal code gives equal bytes.

    Args:
        name: One of `PIPELINES`.
        image: Runs every step; None leaves the release's image.
        steps: Where the steps run on Kubernetes; None leaves that to the cluster.
        options: Passed on to KFP's compiler.

    Raises:
        MissingExtraError: KFP is not installed, or for `steps` its part for Kubernetes.
    """
    try:
        from kfp.compiler import Compiler
    except ImportError as error:
        raise MissingExtraError("kfp", "pipelines") from error
    from components.image import IMAGE

    with _short_stacks():
        pipeline = getattr(import_module(f"pipelines.{name}"), name)
    if steps is not None:
        pipeline = placed(pipeline, steps)
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(io.StringIO()):
        path = Path(directory) / f"{name}.yaml"
        Compiler().compile(pipeline, str(path), **options)
        text = path.read_text("utf-8")
    return text.replace(f"image: {IMAGE}\n", f"image: {image or IMAGE}\n")


@contextlib.contextmanager
def _short_stacks() -> Iterator[None]:
    """Let KFP 2.17 ask who has called it without reading the source of every frame, which is most of a compilation."""
    from kfp.dsl import pipeline_task

    pipeline_task.inspect = SimpleNamespace(stack=_names_of_callers)
    try:
        yield
    finally:
        pipeline_task.inspect = inspect


def _names_of_callers() -> list[tuple[object, ...]]:
    """Return of `inspect.stack()` what KFP reads: the names of the function that asks and of its caller."""
    asking = inspect.currentframe().f_back  # type: ignore[union-attr]
    frames = (asking, asking.f_back)  # type: ignore[union-attr]
    return [(frame, None, None, frame.f_code.co_name) for frame in frames if frame]


def parameters(text: str) -> frozenset[str]:
    """Return the names of the parameters that a compiled pipeline declares; a server refuses any other."""
    spec, *_ = yaml.safe_load_all(text)  # what is said of Kubernetes follows as a second document
    root = spec["root"]
    return frozenset(root.get("inputDefinitions", {}).get("parameters", {}))


def version_name(text: str) -> str:
    """Name a pipeline version by release and content, of which its image's tag, and so the code, is part."""
    return f"{VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def kubernetes_objects(name: str, image: str | None, *, namespace: str | None, steps: StepSettings) -> str:
    """Compile a pipeline to a `Pipeline` and a `PipelineVersion` object, for Kustomize."""
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    from components.image import stamped_image

    chosen = image or stamped_image()
    version = version_name(compiled(name, chosen, steps=steps))
    options = KubernetesManifestOptions(
        pipeline_name=f"crossfade-{name}",
        pipeline_version_name=f"crossfade-{name}-{version}",
        pipeline_version_display_name=version,
        namespace=namespace,
        include_pipeline_manifest=True,
    )
    form = {"kubernetes_manifest_format": True, "kubernetes_manifest_options": options}
    return compiled(name, chosen, steps=steps, **form)


@click.command("compile", short_help="Write pipelines as YAML for Kubeflow.")
@click.argument("pipelines", nargs=-1, type=click.Choice(PIPELINES), metavar="[PIPELINE]...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory."
)
@click.option("--image", help="Image of every step.")
@click.option("--kubernetes", is_flag=True, help="Write Pipeline and PipelineVersion objects instead.")
@click.option("--namespace", help="Namespace of the Kubernetes objects.")
@settings_options
def compile_command(
    pipelines: tuple[str, ...],
    *,
    output: Path,
    image: str | None,
    kubernetes: bool,
    namespace: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Write pipelines (all of them, or those named) as YAML into a directory.

    Steps run in the release's image unless another is named; in Kubernetes objects in the one that holds exactly
    this code. Of the settings only `steps` goes into what is written; the others are parameters of a run.

    \b
    Example:
      crossfade compile -o pipelines/compiled
      crossfade compile training --kubernetes --namespace music -o manifests/pipelines
      crossfade compile --set 'steps.tolerations=[pool=batch:NoSchedule]' -o pipelines
    """
    steps = chosen_settings(settings_file, assignments).steps
    written = partial(kubernetes_objects, namespace=namespace) if kubernetes else compiled
    output.mkdir(parents=True, exist_ok=True)
    for name in pipelines or PIPELINES:
        path = output / f"{name}.yaml"
        path.write_text(written(name, image, steps=steps), "utf-8")
        click.echo(path)
