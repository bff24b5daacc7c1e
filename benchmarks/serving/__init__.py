"""Latency and saturation of the services: the radio, stored playlists, a hot swap; load from a second process."""

import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks import redis_server
from benchmarks.harness import Bar, Options, Progress, Result
from benchmarks.neighbours import watching
from benchmarks.redis_server import RedisServer
from benchmarks.serving.load import Plan
from benchmarks.serving.place import NEXT_TRACKS, bodies, radio_asks, renamed_copy, workspace_of
from benchmarks.serving.services import (
    Service,
    bare_route,
    finished,
    gateway,
    loaded,
    loading,
    publish,
    recommender,
)
from benchmarks.serving.windows import MOST_STOPPED, TRIES, Pace, Tries, calmest, told, window
from crossfade.recommender.answers import answer
from crossfade.recommender.asked_rows import requests_of
from crossfade.recommender.asking import Ask
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError
from crossfade.schema.tables import Surface
from crossfade.store.opening import opened

Figures = dict[str, float | int | str | bool]

CANDIDATES: Final = 300
ROUNDS: Final = 5
WINDOW_SECONDS: Final = 3.0
SWAPS: Final = 3
LOADING_SECONDS: Final = 20  # time for the other bundle to be checked and loaded while requests go on
PREDICT: Final = "/v1/models/crossfade:predict"


def run(options: Options) -> Result:
    """Make or take a bundle, then measure each part, telling its figures as soon as they are known.

    Args:
        options: `directory` names a demo's directory, whose champion answers; else a planted world's is made.

    Raises:
        NotFoundError: The directory has no workspace with a champion, or there is no redis-server.
    """
    if reason := redis_server.why_not():
        raise NotFoundError(f"This benchmark needs Redis: {reason}.")
    seconds = 3.0 if options.quick else 10.0
    progress = Progress()
    with TemporaryDirectory() as scratch:
        progress.say("a bundle ...")
        workspace = workspace_of(options, Path(scratch))
        known = Recommender.load(workspace.champion())
        users = [str(user) for user in known.dataset.users.ids.ids[:2000].to_pylist()]
        asks = radio_asks(known, users)
        progress.add(
            {"quick": options.quick, "tracks": len(known.catalogue), "users": len(known.dataset.users)}
        )
        progress.measure("pure compute", partial(_pure, known, asks))
        progress.measure("rerank", partial(_reranked, known, users))
        publish(opened("", workspace), known, users)
        progress.say("the recommender and Redis start ...")
        with (
            recommender(workspace) as service,
            redis_server.running(Path(scratch)) as server,
            watching() as neighbours,
        ):
            pace = Pace(neighbours, 1, 1.0) if options.quick else Pace(neighbours, ROUNDS, WINDOW_SECONDS)
            publish(opened(server.url, workspace), known, users)
            progress.measure("radio", partial(_radio, service, pace, asks))
            for store in ("", server.url):
                progress.measure(
                    "stored playlists",
                    partial(_stored, workspace, service.rpc, pace, store, users),
                )
            progress.measure(
                "Redis stops", partial(_redis_killed, workspace, service.rpc, server, users, seconds)
            )
            url = f"{service.url}{PREDICT}"
            progress.measure("hot swap", partial(_swapped, workspace, url, asks, progress.figures, seconds))
    return Result(progress.figures, _bars(progress.figures), [_NOTE])


_NOTE: Final = (
    "Services, Redis and load share this machine's cores. Latency counts from when a request was due, less what the load itself "
    "was late, which is told beside (`load_late`), as are latencies with that (`as_seen`). The radio's pure compute is "
    "`recommend` in words for one request at a time in this process."
)


def _pure(known: Recommender, asks: Sequence[Ask]) -> Figures:
    """Time the recommender alone, one request at a time."""
    taken = []
    for ask in asks[:220]:
        started = time.process_time()
        answer(known, [ask], NEXT_TRACKS, with_reasons=False)
        taken.append(time.process_time() - started)
    usual = median(taken[20:])
    return {"radio_pure_compute_ms": 1000 * usual, "radio_pure_requests_per_second": 1 / usual}


def _reranked(known: Recommender, users: Sequence[str]) -> Figures:
    """Time features, ranker and policy on 300 given candidates of one user."""
    sources = known.settings.sources.model_copy(update={"candidates": CANDIDATES})
    narrow = replace(known, settings=known.settings.model_copy(update={"sources": sources}))
    asks = [Ask(surface=Surface.HOME, user_id=user) for user in users[:220]]
    taken = []
    for ask in asks:
        requests, _ = requests_of([ask], narrow.dataset, narrow.as_of, 30, lake=narrow.settings.lake)
        excluded, ranker = narrow.exclusions(requests), narrow.ranker_of(requests.surface)
        candidates = narrow.sources.retrieve(requests.taste, sources, excluded, ranker.task.sources)
        started = time.perf_counter()
        narrow.rerank(requests, narrow.score(requests, candidates))
        taken.append(1000 * (time.perf_counter() - started))
    p50, p99 = np.percentile(taken[20:], [50, 99])
    return {"rerank_300_p50_ms": float(p50), "rerank_300_p99_ms": float(p99)}


def _radio(service: Service, pace: Pace, asks: Sequence[Ask]) -> Figures:
    """Find saturation, and measure at half of it and near it, a round after the other."""
    plan = Plan(f"{service.url}{PREDICT}", bodies(asks), seconds=pace.seconds)
    most: list[Tries] = []
    windows: dict[int, list[Tries]] = {50: [], 95: []}
    for _ in range(pace.rounds):
        most.append(window(service, replace(plan, connections=24), pace.neighbours))
        for share, found in windows.items():
            rate = _throughput(most[-1], pace.seconds) * share / 100
            found.append(window(service, replace(plan, connections=64, rate=rate), pace.neighbours))
    counted = [calmest(tries) for tries in most]
    return {
        "radio_processor_ms_per_request": 1000 * median(each.worked for each in counted),
        "radio_saturation_requests_per_second": median(_throughput(tries, pace.seconds) for tries in most),
        "radio_saturation_p99_ms": median(each.outcome.p99_ms for each in counted),
        "radio_saturation_shared": max(each.shared for each in counted),
        "radio_saturation_fallbacks": sum(each.outcome.fallbacks for each in counted),
        **told("radio_at_50", windows[50]),
        **told("radio_at_95", windows[95]),
    }


def _throughput(tries: Tries, seconds: float) -> float:
    """Return requests a second, without fallbacks: these cost next to nothing."""
    outcome = calmest(tries).outcome
    return outcome.requests_per_second - outcome.fallbacks / (seconds + 1)


def _stored(workspace: Workspace, url: str, pace: Pace, store: str, users: Sequence[str]) -> Figures:
    """Measure the gateway's stored playlists in turn with the bare route, a round after the other."""
    name = "stored_redis" if store else "stored_embedded"
    paths = tuple(f"/v1/users/{user}/playlists/discover-weekly" for user in users)
    bare_paths = tuple(f"/{user}" for user in users)
    most: dict[str, Tries] = {"gateway": [], "bare": []}
    halves: dict[str, list[Tries]] = {"gateway": [], "bare": []}
    with gateway(workspace, url, store) as ours, bare_route(workspace, store) as bare:
        asked = {
            "gateway": (ours, Plan(ours.url, paths=paths)),
            "bare": (bare, Plan(bare.url, paths=bare_paths)),
        }
        for _ in range(pace.rounds):
            for side, (service, plan) in asked.items():
                tries = window(service, replace(plan, connections=16, seconds=pace.seconds), pace.neighbours)
                most[side].append(calmest(tries))
            # The bare route at the same rate: what the machine itself takes.
            half = most["gateway"][-1].outcome.requests_per_second / 2
            for side, (service, plan) in asked.items():
                at_half = replace(plan, connections=64, rate=half, seconds=pace.seconds)
                most_tries = TRIES if side == "gateway" else 1
                halves[side].append(window(service, at_half, pace.neighbours, most_tries))
    rates = {side: [each.outcome.requests_per_second for each in found] for side, found in most.items()}
    return {
        f"{name}_saturation_requests_per_second": median(rates["gateway"]),
        f"{name}_bare_requests_per_second": median(rates["bare"]),
        f"{name}_share_of_bare": median(map(operator.truediv, rates["gateway"], rates["bare"])),
        f"{name}_processor_ms_per_request": 1000 * median(each.worked for each in most["gateway"]),
        f"{name}_bare_processor_ms_per_request": 1000 * median(each.worked for each in most["bare"]),
        f"{name}_saturation_shared": max(each.shared for found in most.values() for each in found),
        **told(f"{name}_at_50", halves["gateway"]),
        **told(f"{name}_bare_at_50", halves["bare"]),
    }


def _redis_killed(
    workspace: Workspace, url: str, server: RedisServer, users: Sequence[str], seconds: float
) -> Figures:
    """Stop Redis under load and start it again; count errors, and time how long fallbacks go on."""
    paths = tuple(f"/v1/users/{user}/playlists/discover-weekly" for user in users)
    with gateway(workspace, url, server.url) as ours:
        load = loading(Plan(ours.url, paths=paths, connections=32, rate=50, seconds=3 + seconds))
        time.sleep(2)
        server.stop()
        time.sleep(seconds / 2)
        server.start()
        started = time.monotonic()
        recovered = loaded(Plan(ours.url, paths=paths, connections=1, rate=20, seconds=2.0))
        outcome = finished(load)
        again = loaded(Plan(ours.url, paths=paths, connections=1, rate=20, seconds=1.0))
    return {
        "redis_killed_failed": outcome.failed,
        "redis_killed_fallbacks_or_online": outcome.bundles > 0,
        "redis_back_fallbacks_in_3_seconds": recovered.fallbacks,
        "redis_back_fallbacks_after": again.fallbacks,
        "redis_back_watched_seconds": time.monotonic() - started,
    }


def _swapped(
    workspace: Workspace, url: str, asks: Sequence[Ask], figures: Mapping[str, object], seconds: float
) -> Figures:
    """Promote another bundle under load, three times."""
    rate = float(str(figures["radio_saturation_requests_per_second"])) * 0.3
    plan = Plan(url, bodies(asks), connections=32, rate=rate, seconds=seconds)
    before = loaded(plan)
    outcomes = []
    for _ in range(SWAPS):
        another = renamed_copy(workspace)
        load = loading(replace(plan, seconds=2 * seconds + LOADING_SECONDS))
        time.sleep(2)
        workspace.promote(another, reason="Swapped.", run_id="bench", evaluation={})
        outcomes.append(finished(load))
    return {
        "swap_failed": sum(each.failed for each in outcomes),
        "swap_fallbacks": sum(each.fallbacks for each in outcomes),
        "swap_bundles_seen": min(each.bundles for each in outcomes),
        "swap_p99_before_ms": before.p99_ms,
        "swap_worst_second_p99_ms": max(each.worst_second_p99_ms for each in outcomes),
        "swap_slow_seconds": median(each.slow_seconds for each in outcomes),
        "swap_most_slow_seconds": max(each.slow_seconds for each in outcomes),
    }


def _bars(figures: Mapping[str, float | int | str | bool]) -> dict[str, Bar]:
    value = {name: float(each) for name, each in figures.items() if not isinstance(each, str)}
    share = value["radio_saturation_requests_per_second"] / value["radio_pure_requests_per_second"]
    loads = ("radio_at_50", "radio_at_95", "stored_embedded_at_50", "stored_redis_at_50")
    stopped = {name: value[f"{name}_load_stopped_share"] for name in loads}
    return {
        **{f"{name}_load_stopped_share": Bar(share, at_most=MOST_STOPPED) for name, share in stopped.items()},
        "radio_at_50_p99_ms": Bar(value["radio_at_50_p99_ms"], at_most=20),
        "radio_at_95_p99_ms": Bar(value["radio_at_95_p99_ms"], at_most=500),
        "radio_saturation_share_of_pure_compute": Bar(share, at_least=0.5),
        "stored_embedded_at_50_p99_ms": Bar(value["stored_embedded_at_50_p99_ms"], at_most=2),
        "stored_redis_at_50_p99_ms": Bar(value["stored_redis_at_50_p99_ms"], at_most=2),
        "stored_embedded_share_of_bare": Bar(value["stored_embedded_share_of_bare"], at_least=0.5),
        "stored_redis_share_of_bare": Bar(value["stored_redis_share_of_bare"], at_least=0.5),
        "rerank_300_p50_ms": Bar(value["rerank_300_p50_ms"], at_most=5),
        "rerank_300_p99_ms": Bar(value["rerank_300_p99_ms"], at_most=10),
        "swap_failed": Bar(value["swap_failed"], at_most=0),
        "swap_bundles_seen": Bar(value["swap_bundles_seen"], at_least=2),
        "swap_slow_seconds": Bar(value["swap_slow_seconds"], at_most=2),
        "redis_killed_failed": Bar(value["redis_killed_failed"], at_most=0),
        "redis_back_fallbacks_after": Bar(value["redis_back_fallbacks_after"], at_most=0),
    }
