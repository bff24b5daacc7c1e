"""Toy pipelines with the shapes of ours (warm starts, a gate, a loop), to hold what the local runner does."""

from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl import Artifact, Input, Output


@dsl.component(base_image="toy", install_kfp_package=False)
def fit(until: str, model: Output[Artifact], warm: Input[Artifact] = None) -> None:
    from pathlib import Path

    Path(model.path).mkdir(parents=True)
    before = (Path(warm.path) / "history").read_text() if warm else ""
    (Path(model.path) / "history").write_text(f"{before} {until}")


@dsl.component(base_image="toy", install_kfp_package=False)
def gate(challenger: Input[Artifact], verdict: str) -> str:
    from pathlib import Path

    assert (Path(challenger.path) / "history").read_text() == " validation test"
    return verdict


@dsl.component(base_image="toy", install_kfp_package=False)
def note(word: str, folder: str, run: str, model: Input[Artifact]) -> None:
    from pathlib import Path

    Path(folder, word).write_text(f"{run}: " + (Path(model.path) / "history").read_text())


@dsl.component(base_image="toy", install_kfp_package=False)
def misbehave(how: str) -> None:
    import os
    import signal
    import sys
    import tempfile
    import time

    from crossfade.schema import errors

    sys.stdout.write("a line of output\n")
    tempfile.mkdtemp()
    if how == "input":
        raise errors.InputError("File a.csv has no column user_id; add it.")
    if how == "training":
        try:
            raise errors.InputError("not this one")
        except errors.InputError as error:
            raise errors.TrainingError("Loss is NaN after 3 batches.") from error
    if how == "unexpected":
        raise ValueError("surprise")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "silent":
        os._exit(3)
    if how.startswith("sleep"):
        from pathlib import Path

        Path(how.partition(" ")[2]).write_text(str(os.getpid()))
        time.sleep(60)


@dsl.component(base_image="toy", install_kfp_package=False)
def plan() -> list[str]:
    return ["one", "two", "three"]


@dsl.component(base_image="toy", install_kfp_package=False)
def shard(name: str, folder: str, bad: str) -> None:
    from pathlib import Path

    from crossfade.schema.errors import IntegrityError

    if name == bad:
        raise IntegrityError(f"Shard {name} is torn.")
    Path(folder, name).write_text(name)


@dsl.pipeline(name="gated")
def gated(folder: str, verdict: str, run: str = "") -> None:
    first = fit(until="validation")
    challenger = fit(until="test", warm=first.outputs["model"])
    challenger.set_display_name("fit until test").set_cpu_request("2").set_memory_request("1G").set_retry(2)
    verdict_task = gate(challenger=challenger.outputs["model"], verdict=verdict)
    with dsl.If(verdict_task.output == "promote"):
        published = fit(until="end", warm=challenger.outputs["model"])
        note(word="promoted", folder=folder, run=run, model=published.outputs["model"]).set_caching_options(
            False
        )
    with dsl.Else():
        note(word="refused", folder=folder, run=run, model=challenger.outputs["model"]).set_caching_options(
            False
        )


@dsl.pipeline(name="failing")
def failing(how: str) -> None:
    misbehave(how=how).set_retry(3)


@dsl.pipeline(name="looping")
def looping(folder: str, bad: str = "") -> None:
    names = plan()
    with dsl.ParallelFor(names.output) as name:
        shard(name=name, folder=folder, bad=bad)


def compiled(pipeline: object, directory: Path) -> str:
    """Compile a pipeline to YAML text."""
    path = directory / "toy.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path.read_text("utf-8")
