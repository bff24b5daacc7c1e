"""What the services are measured on is another workspace's champion or a planted one, and the load is its listeners'."""

import json
from pathlib import Path

from benchmarks.harness import Options
from benchmarks.serving.place import NEXT_TRACKS, SESSION, bodies, radio_asks, renamed_copy, workspace_of
from crossfade.recommender.answers import answer
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from tests.recommender import world


def test_a_workspace_of_its_own_with_requests_and_another_bundle(planted_world: Path, tmp_path: Path) -> None:
    bundle = world.copied(planted_world, tmp_path / "demo" / "workspace")
    Workspace.create(tmp_path / "demo" / "workspace").promote(
        bundle.name, reason="First.", run_id="r1", evaluation={}
    )
    (tmp_path / "scratch").mkdir()
    ours = workspace_of(Options(directory=tmp_path / "demo"), tmp_path / "scratch")
    assert ours.path.is_relative_to(tmp_path / "scratch")
    assert ours.champion_digest() == bundle.name
    known = Recommender.load(ours.champion())
    asks = radio_asks(known, ["u00", "u01"])
    heard = known.dataset.queries(known.user_rows(["u00"]), known.as_of).track_rows[-SESSION:]
    assert list(asks[0].session) == known.catalogue.tracks.names(heard)
    (request,) = json.loads(bodies(asks)[1])["instances"]
    assert request == {
        "surface": "radio",
        "user_id": "u01",
        "session": list(asks[1].session),
        "k": NEXT_TRACKS,
    }
    another = Recommender.load(ours.bundles / renamed_copy(ours))
    assert another.digest != known.digest
    tracks = [
        [track.track_id for track in answer(each, asks, 5, with_reasons=False)[0][0].tracks]
        for each in (known, another)
    ]
    assert tracks[0] == tracks[1]
