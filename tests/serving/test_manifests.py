"""Experiments follow their manifests without a restart; what makes no sense leaves them as they were."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml
from grpc.aio import UsageError

from crossfade.experiments.spec import read_experiment
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.metrics import EXPERIMENT_CHANGES
from crossfade.schema.tables import Surface
from serving.gateway import variants
from serving.gateway.manifests import Manifests
from serving.gateway.online import NOBODY
from tests.serving.gateways import Gateway, chosen, in_loop, service
from tests.serving.test_variants import NOWHERE, TREATED, answering, experiment, shown_to


def write(path: Path, address: str) -> None:
    told = experiment(address).model_dump(mode="json", by_alias=True)
    put(path, yaml.safe_dump(told))


def put(path: Path, text: str) -> None:
    """Put text into a file at once, as rollouts do: half of it would be a change of its own to who follows it."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def changes(gateway: Gateway, result: str) -> str:
    name = f'{EXPERIMENT_CHANGES.name}{{result="{result}"}} '
    text = gateway.exposition.text().decode()
    return text.split(name)[1].split()[0]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not in ten seconds")


def test_a_changed_manifest_counts_without_a_restart_and_a_bad_one_changes_nothing(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, user = tmp_path / "louder.yaml", TREATED[0]

    async def is_well(gateway: Gateway) -> bool:
        found = (await gateway.client.get("/readyz")).json()["well"]["experiments"]
        assert isinstance(found, bool)
        return found

    async def test(gateway: Gateway) -> None:
        assert gateway.parts.manifests is not None
        following = asyncio.create_task(gateway.parts.manifests.follow(0.01))
        assert await shown_to(gateway, user) == ("of b", "b", None)
        write(manifest, second)

        async def has_moved() -> bool:
            return await shown_to(gateway, user) == ("of c", "b", None)

        await until(has_moved)
        put(manifest, manifest.read_text("utf-8").replace("kind: Experiment", "kind: Guess"))

        async def is_refused() -> bool:
            return not await is_well(gateway)

        await until(is_refused)
        assert await has_moved()
        assert "The experiments of before go on" in caplog.text
        assert "kind" in caplog.text.split("go on:")[1]
        assert (changes(gateway, "taken"), changes(gateway, "refused")) == ("1.0", "1.0")
        manifest.unlink()  # rolled back: the directory has no experiment any more

        async def is_control() -> bool:
            return await shown_to(gateway, user) == ("of control", None, None)

        await until(is_control)
        assert await is_well(gateway)
        assert (changes(gateway, "taken"), changes(gateway, "refused")) == ("2.0", "1.0")
        following.cancel()

    with (
        service(answering("control")) as control,
        service(answering("b")) as first,
        service(answering("c")) as second,
    ):
        write(manifest, first)
        in_loop(workspace, test, url=control, experiments=tmp_path)


def test_requests_in_flight_end_with_the_service_that_they_began_with(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, released = threading.Event(), threading.Event()

    def slowly() -> tuple[int, bytes]:
        asked.set()
        assert released.wait(10)
        return answering("b")()  # type: ignore[no-any-return]

    async def test(gateway: Gateway) -> None:
        found = asyncio.create_task(shown_to(gateway, TREATED[0]))
        await asyncio.to_thread(asked.wait, 10)
        (tmp_path / "louder.yaml").unlink()
        assert gateway.parts.manifests is not None
        old = gateway.parts.variants.of(Surface.RADIO, TREATED[0]).online
        await gateway.parts.manifests.look()
        await gateway.parts.variants.close_retired()  # nothing yet: its requests may take seconds
        assert await shown_to(gateway, TREATED[0]) == ("of control", None, None)
        released.set()
        assert await found == ("of b", "b", None)
        monkeypatch.setattr(variants, "REASON_SECONDS", -1.0)
        await gateway.parts.variants.close_retired()
        with pytest.raises(UsageError, match="closed"):
            await old.why("u", "t", "radio")

    with service(answering("control")) as control, service(slowly) as treatment:
        write(tmp_path / "louder.yaml", treatment)
        in_loop(workspace, test, url=control, experiments=tmp_path)


def test_manifests_of_a_disk_that_was_away_for_a_moment_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = variants.Variants(NOWHERE, [], chosen())
    following = Manifests(tmp_path, running, NOBODY)
    write(tmp_path / "louder.yaml", NOWHERE)

    def away(*_: object, **__: object) -> str:
        raise OSError("Input/output error")

    async def look_twice() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_text", away)
            await following.look()
        assert not following.is_well
        await following.look()
        assert following.is_well

    asyncio.run(look_twice())
    assert running.of(Surface.RADIO, TREATED[0]).experiment is not None


def test_services_whose_address_stays_keep_their_connections(tmp_path: Path) -> None:
    found = variants.Variants(NOWHERE, [experiment(NOWHERE)], chosen())
    before = found.of(Surface.RADIO, TREATED[0]).online
    found.run([experiment(NOWHERE, holdout=0.0)])
    assert found.of(Surface.RADIO, TREATED[0]).online is before


def test_a_gateway_does_not_start_on_manifests_that_make_no_sense(tmp_path: Path) -> None:
    running = variants.Variants(NOWHERE, [], chosen())
    with pytest.raises(NotFoundError, match=r"Experiments .*nowhere do not exist"):
        Manifests(tmp_path / "nowhere", running, NOBODY)
    (tmp_path / "deep.yaml").write_text("[" * 500, "utf-8")
    with pytest.raises(InputError, match=r"deep.yaml cannot be read as YAML"):
        read_experiment(tmp_path / "deep.yaml")
