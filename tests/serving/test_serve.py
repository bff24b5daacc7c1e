"""The whole service by its one command: what clients send over the wire, and what they get."""

import json
import threading
from pathlib import Path

import httpx
import pytest

from crossfade.cli.main import main
from crossfade.schema.tables import Surface
from tests.recommender import world
from tests.serving import places
from tests.serving.asking import INFER, PREDICT, ids, predict, recommend, slate
from tests.serving.conftest import Served


def test_it_prints_examples_that_work(served: Served) -> None:
    text = served.output.read_text("utf-8")
    first = served.workspace.promotions.champions()[0]
    assert f"Bundle {first} answers after" in text
    (url,) = [line.split()[-1] for line in text.splitlines() if "playlists/discover-weekly" in line]
    assert httpx.get(url, trust_env=False).json()["tracks"]


@pytest.mark.parametrize("surface", list(Surface))
def test_each_surface_gets_a_slate_that_says_where_it_comes_from(served: Served, surface: Surface) -> None:
    found = slate(served, user_id="u02", surface=surface, k=4, request_id=f"r-{surface}")
    assert (found["request_id"], found["user_id"], found["surface"]) == (f"r-{surface}", "u02", surface)
    assert (found["bundle"], found["fallback"]) == (served.workspace.champion_digest(), None)
    assert 0 < len(found["tracks"]) <= 4
    assert {"track_id", "title", "artist", "score", "source", "propensity", "reason"} == set(
        found["tracks"][0]
    )
    assert all(0 < track["propensity"] <= 1 for track in found["tracks"])
    # A rock listener of a world in which nobody hears both.
    assert all(track.startswith("r") for track in ids(found)) or surface == Surface.RELEASE_RADAR


def test_the_session_steers_the_radio(served: Served) -> None:
    def share(artist: str, *session: object) -> float:
        found = slate(served, surface="radio", k=20, session=list(session))
        return sum(track["artist"] == artist for track in found["tracks"]) / len(found["tracks"])

    # Tracks r00, r05 and r10 are of one artist.
    heard = ("r00", "r05", "r10")
    skipped = [{"track_id": track, "played_share": 0.01} for track in heard]
    assert share("Band ra", *heard) > share("Band ra", *skipped)
    # Never the track that has just been played.
    assert "r10" not in ids(slate(served, surface="radio", session=list(heard)))
    jazz = ids(slate(served, surface="radio", k=10, session=["j00", "j05"]))
    assert sum(track.startswith("j") for track in jazz) > 5


def test_the_wire_gives_what_the_command_line_gives(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = [
        {"request_id": "a", "surface": "radio", "user_id": "u04", "session": ["r01", "r02"]},
        {"request_id": "b", "surface": "home", "user_id": "u05", "exclude": ["j03"]},
        {"request_id": "c", "surface": "radio", "session": [{"track_id": "j01", "played_share": 0.01}]},
    ]
    (tmp_path / "requests.jsonl").write_text("\n".join(map(json.dumps, requests)), "utf-8")
    arguments = ["--requests", str(tmp_path / "requests.jsonl"), "--workspace", str(served.workspace.path)]
    assert main(["recommend", *arguments, "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    together = predict(served, *requests).json()["predictions"]
    alone = [slate(served, **{**request, "request_id": f"{request['request_id']}2"}) for request in requests]
    assert [ids(each) for each in together] == [ids(each) for each in printed]
    assert [ids(each) for each in alone] == [ids(each) for each in printed]


def test_v2_rest_and_grpc_carry_the_same_slates(served: Served) -> None:
    import grpc
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as service

    request = {"surface": "radio", "user_id": "u06", "k": 3, "seed_track": "r05"}
    text = json.dumps({**request, "request_id": "v2"})
    tensor = {"name": "requests", "shape": [1], "datatype": "BYTES", "data": [text]}
    answer = served.recommender.post(INFER, json={"id": "call-1", "inputs": [tensor]}).json()
    assert answer["id"] == "call-1"
    (output,) = answer["outputs"]
    assert (output["name"], output["shape"], output["datatype"]) == ("slates", [1], "BYTES")
    by_rest = json.loads(output["data"][0])
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        stub = service.GRPCInferenceServiceStub(channel)
        contents = pb.InferTensorContents(bytes_contents=[text.encode()])
        inputs = [
            pb.ModelInferRequest.InferInputTensor(
                name="requests", shape=[1], datatype="BYTES", contents=contents
            )
        ]
        reply = stub.ModelInfer(pb.ModelInferRequest(model_name="crossfade", inputs=inputs))
        by_grpc = json.loads(reply.outputs[0].contents.bytes_contents[0])
        wrong = pb.InferTensorContents(bytes_contents=[b'{"surface": "jukebox"}'])
        inputs[0].contents.CopyFrom(wrong)
        with pytest.raises(grpc.RpcError, match="Surface 'jukebox' does not exist") as refused:
            stub.ModelInfer(pb.ModelInferRequest(model_name="crossfade", inputs=inputs))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert by_rest == by_grpc == slate(served, **request, request_id="v2")


def test_a_v2_call_needs_no_id(served: Served) -> None:
    tensor = {"name": "requests", "shape": [1], "datatype": "BYTES", "data": ['{"surface": "home"}']}
    response = served.recommender.post(INFER, json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    assert response.json()["id"]


def test_v2_grpc_tells_what_is_wrong_by_its_code(served: Served) -> None:
    import grpc
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as service

    tensor = pb.ModelInferRequest.InferInputTensor(name="requests", shape=[1], datatype="BYTES")
    torn = pb.ModelInferRequest(model_name="crossfade", inputs=[tensor], raw_input_contents=[b"\x01"])
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        stub = service.GRPCInferenceServiceStub(channel)
        for call, request, code in (
            (stub.ModelInfer, torn, grpc.StatusCode.INVALID_ARGUMENT),
            (
                stub.RepositoryModelLoad,
                pb.RepositoryModelLoadRequest(model_name="other"),
                grpc.StatusCode.UNAVAILABLE,
            ),
            (
                stub.RepositoryModelUnload,
                pb.RepositoryModelUnloadRequest(model_name="crossfade"),
                grpc.StatusCode.UNIMPLEMENTED,
            ),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request)
            assert refused.value.code() == code, refused.value.details()


def test_a_repeated_request_gets_the_same_answer_and_another_of_its_id_is_refused(served: Served) -> None:
    request = {"surface": "radio", "user_id": "u08", "request_id": "once", "session": ["r01"]}
    first = slate(served, **request)
    assert slate(served, **request) == first
    response = predict(served, {**request, "session": ["r02"]})
    assert response.status_code == 400
    assert "request_id='once' was used for another request" in response.json()["error"]


def test_reasons_are_given_when_asked_for_and_only_true_ones(served: Served) -> None:
    plain, explained = (
        slate(served, user_id="u04", surface="discover_weekly", explain=explain) for explain in (False, True)
    )
    assert ids(plain) == ids(explained)
    assert all(track["reason"] is None for track in plain["tracks"])
    assert any(track["reason"] for track in explained["tracks"])


def test_strangers_and_more_tracks_than_there_are(served: Served) -> None:
    stranger = slate(served, user_id="nobody", surface="discover_weekly", k=200)
    assert stranger["fallback"] is None
    assert stranger["tracks"]
    newcomer = slate(served, user_id=world.NEWCOMER, surface="radio", session=["zz", "yy"], exclude=["zz"])
    assert newcomer["tracks"]
    whole = [f"{genre}{i:02}" for genre in "rj" for i in range(world.NUM_TRACKS)]
    assert slate(served, user_id="u02", surface="radio", exclude=whole)["tracks"] == []
    assert slate(served, user_id="u02", surface="radio", time="1900-01-01")["tracks"] == []


def test_the_gateway_serves_the_stored_playlist(served: Served) -> None:
    found = served.gateway.get(f"/v1/users/{places.STORED_USER}/playlists/discover-weekly").json()
    assert ids(found) == list(places.STORED_TRACKS)
    assert (found["user_id"], found["generation"], found["fallback"]) == (places.STORED_USER, "g1", None)
    # One without a stored playlist gets an online one.
    other = served.gateway.get("/v1/users/u02/playlists/discover-weekly").json()
    assert (other["user_id"], other["fallback"]) == ("u02", None)
    assert other["tracks"]
    unknown = served.gateway.get("/v1/users/u02/playlists/jukebox")
    assert (unknown.status_code, "Surface 'jukebox' does not exist" in unknown.text) == (400, True)


def test_the_gateway_passes_the_online_answer_on(served: Served) -> None:
    found = recommend(served, user_id="u02", surface="radio", k=3, request_id="g", seed_track="r01")
    assert found["fallback"] is None
    direct = slate(served, user_id="u02", surface="radio", k=3, request_id="g", seed_track="r01")
    assert found == direct
    assert recommend(served, surface="home")["user_id"] is None


def test_why(served: Served) -> None:
    track = ids(slate(served, user_id="u04", surface="discover_weekly"))[0]
    account = served.gateway.get(f"/v1/users/u04/why/{track}").json()
    assert (account["user_id"], account["track_id"], account["slate_place"]) == ("u04", track, 1)
    unknown = served.gateway.get(f"/v1/users/nobody/why/{track}?surface=home")
    assert (unknown.status_code, "User 'nobody' is not in bundle" in unknown.text) == (404, True)
    assert served.gateway.get("/v1/users/u04/why/r01?surface=jukebox").status_code == 400
    wrong = served.recommender.post("/v1/models/crossfade:explain", json={"instances": [{"user_id": 1}]})
    assert wrong.status_code == 400
    assert wrong.json()["error"] == "instances[0]: user_id, track_id and surface must be texts."


def test_exposures_are_events_that_can_be_imported(served: Served, tmp_path: Path) -> None:
    from crossfade.lake.lake import Lake
    from crossfade.schema.settings import default_settings
    from crossfade.sources.importing import import_files

    found = recommend(served, user_id="u06", surface="radio", k=3, request_id="shown")
    log = served.workspace.path / "exposures.jsonl"
    places.wait_until(lambda: found["slate_id"] in log.read_text("utf-8"), "the exposure is written")
    events = [json.loads(line) for line in log.read_bytes().splitlines()]
    mine = [event for event in events if event["slate_id"] == found["slate_id"]]
    assert [(event["track_id"], event["position"]) for event in mine] == [
        (track, place) for place, track in enumerate(ids(found))
    ]
    assert {(event["user_id"], event["origin"]) for event in mine} == {("u06", found["bundle"])}
    lake = Lake.create(tmp_path / "lake")
    report = import_files(lake, "events", [log], settings=default_settings())
    assert lake.num_rows("bronze", "events") == len({event["event_id"] for event in events})
    assert report is not None


def test_health_metrics_and_openapi(served: Served) -> None:
    assert served.gateway.get("/healthz").json() == {"status": "alive"}
    ready = served.gateway.get("/readyz").json()
    assert (ready["status"], ready["well"]) == ("ready", {"recommender": True, "store": True})
    assert served.recommender.get("/v2/models/crossfade/ready").json()["ready"] is True
    slate(served, surface="radio")
    for client, route in ((served.gateway, "readyz"), (served.recommender, "predict")):
        assert f'crossfade_http_requests_total{{route="{route}",status="200"}}' in client.get("/metrics").text
    document = served.gateway.get("/openapi.json").json()
    assert {"/v1/recommend", "/v1/users/{user}/playlists/{surface}"} <= set(document["paths"])
    assert {"session", "k", "explain"} <= set(document["components"]["schemas"]["Request"]["properties"])


def test_many_at_once_get_what_each_gets_alone(served: Served) -> None:
    users = [f"u{number:02}" for number in range(world.NUM_USERS)]
    alone = {user: ids(slate(served, user_id=user, surface="home", k=5)) for user in users[:10]}
    found: dict[str, list[str]] = {}

    def ask(user: str) -> None:
        with httpx.Client(base_url=served.recommender.base_url, trust_env=False, timeout=20) as client:
            request = {"user_id": user, "surface": "home", "k": 5}
            answer = client.post(PREDICT, json={"instances": [request]}).json()
            found[user] = ids(answer["predictions"][0])

    threads = [threading.Thread(target=ask, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {user: found[user] for user in alone} == alone
    batches = [
        line for line in served.recommender.get("/metrics").text.splitlines()
        if line.startswith("crossfade_recommend_batch_requests_")
    ]  # fmt: skip
    total, count = (float(line.split()[1]) for line in batches if "_sum" in line or "_count" in line)
    assert max(total, count) > min(total, count)  # some were answered together


def test_serving_does_not_need_tensorflow(served: Served) -> None:
    import os

    def children(pid: int) -> list[int]:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]

    services = children(served.process.pid)
    assert len(services) == 2
    for pid in services:
        assert os.path.exists(f"/proc/{pid}/maps")
        assert "libtensorflow" not in Path(f"/proc/{pid}/maps").read_text("utf-8")
