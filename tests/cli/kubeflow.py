"""A stand-in for the API of Kubeflow Pipelines (v2beta1) on loopback: what KFP's client calls, in memory."""

import email.parser
import email.policy
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api
import yaml

API = "/apis/v2beta1"
DEFAULT_ACCOUNT = "pipeline-runner"  # filled in by the server where a run asks for none


@dataclass
class Kubeflow:
    """What the server holds. `token` is the one it accepts, None takes anybody."""

    token: str | None = None
    is_forbidden: bool = False
    url: str = ""
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    experiments: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    recurring: list[dict[str, Any]] = field(default_factory=list)
    most_listed: int = 100  # of a page, however many a client asks for
    is_stuck: bool = False  # disables nothing
    hidden_version: str | None = None  # listed nowhere, but its name is taken

    def answer(
        self, method: str, path: str, query: dict[str, str], body: bytes, content: str
    ) -> tuple[int, Any]:
        """Answer a request with a status and a JSON-able body."""
        listed = re.fullmatch(rf"{API}/pipelines/([^/]+)/versions", path)
        disabled = re.fullmatch(rf"{API}/recurringruns/([^/]+):disable", path)
        if (method, path) == ("GET", f"{API}/healthz"):
            return 200, {"multi_user": False}
        if (method, path) == ("GET", f"{API}/pipelines"):
            return 200, {"pipelines": _named(self.pipelines, query)}
        if method == "GET" and listed:
            of = [version for version in self.versions if version["pipeline_id"] == listed.group(1)]
            return 200, {"pipeline_versions": _named(of, query)}
        if (method, path) == ("POST", f"{API}/pipelines/upload"):
            pipeline = {"pipeline_id": f"p{len(self.pipelines)}", "display_name": query["name"]}
            self.pipelines.append(pipeline)
            self._add_version(pipeline["pipeline_id"], query, _file(body, content))
            return 200, pipeline
        if (method, path) == ("POST", f"{API}/pipelines/upload_version"):
            if query["name"] == self.hidden_version:
                return 409, {"code": 6, "message": f"Already exist error: version {query['name']}\nexists"}
            return 200, self._add_version(query["pipelineid"], query, _file(body, content))
        if (method, path) == ("GET", f"{API}/experiments"):
            return 200, {"experiments": _named(self.experiments, query)}
        if (method, path) == ("POST", f"{API}/experiments"):
            self.experiments.append({**json.loads(body), "experiment_id": f"e{len(self.experiments)}"})
            return 200, self.experiments[-1]
        if (method, path) == ("POST", f"{API}/runs"):
            run = _typed(json.loads(body), kfp_server_api.V2beta1Run)
            if wrong := self._wrong(run):
                return wrong
            self.runs.append({**run, "run_id": f"r{len(self.runs)}"})
            return 200, self.runs[-1]
        if (method, path) == ("GET", f"{API}/recurringruns"):
            return 200, self._page(query)
        if (method, path) == ("POST", f"{API}/recurringruns"):
            return self._add_recurring(_typed(json.loads(body), kfp_server_api.V2beta1RecurringRun))
        if method == "POST" and disabled and not self.is_stuck:
            (run,) = (each for each in self.recurring if each["recurring_run_id"] == disabled.group(1))
            run["status"] = "DISABLED"
            return 200, {}
        return 500, {"message": f"unexpected {method} {path}"}

    def _wrong(self, run: dict[str, Any]) -> tuple[int, Any] | None:
        foreign = set(run["runtime_config"]["parameters"]) - self._declared(run)
        if foreign:  # as the real server does
            return 400, {"code": 3, "message": f"parameters {sorted(foreign)} are not of the pipeline"}
        return None

    def _add_recurring(self, run: dict[str, Any]) -> tuple[int, Any]:
        _typed(run["trigger"], kfp_server_api.V2beta1Trigger)
        if len(run["trigger"]["cron_schedule"]["cron"].split()) != 6:
            return 400, {"code": 3, "message": "Schedule cron is not a valid cron"}
        if wrong := self._wrong(run):
            return wrong
        run["max_concurrency"] = str(run["max_concurrency"])  # as JSON writes an int64
        run["service_account"] = run.get("service_account") or DEFAULT_ACCOUNT
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}[run.pop("mode")]
        self.recurring.append({**run, "status": status, "recurring_run_id": f"s{len(self.recurring)}"})
        return 200, self.recurring[-1]

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        of = [run for run in self.recurring if run["experiment_id"] == query["experiment_id"]]
        found, start = _named(of, query), int(query.get("page_token") or 0)
        end = start + min(int(query["page_size"]), self.most_listed)
        more = {"next_page_token": str(end)} if end < len(found) else {}
        return {"recurringRuns": found[start:end], "total_size": len(found), **more}

    def enabled(self) -> list[dict[str, Any]]:
        """Return the recurring runs that start runs."""
        return [run for run in self.recurring if run["status"] == "ENABLED"]

    def _declared(self, run: dict[str, Any]) -> set[str]:
        wanted = run["pipeline_version_reference"]["pipeline_version_id"]
        (text,) = (each["text"] for each in self.versions if each["pipeline_version_id"] == wanted)
        return set(next(yaml.load_all(text, yaml.CSafeLoader))["root"]["inputDefinitions"]["parameters"])

    def _add_version(self, pipeline_id: str, query: dict[str, str], text: str) -> dict[str, Any]:
        version = {
            "pipeline_id": pipeline_id,
            "pipeline_version_id": f"v{len(self.versions)}",
            "display_name": query["name"],
            "description": query.get("description", ""),
        }
        self.versions.append({**version, "text": text})
        return version


def _typed(told: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return what a client sent, which may have no field that KFP's OpenAPI description does not."""
    assert set(told) <= set(model.attribute_map.values()), (model.__name__, told)
    return told


def _named(objects: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    (predicate,) = json.loads(query["filter"])["predicates"]
    assert predicate["operation"] in ("EQUALS", 1)
    assert predicate["key"] == "display_name"
    return [each for each in objects if each["display_name"] == predicate["stringValue"]]


def _file(body: bytes, content: str) -> str:
    parser = email.parser.BytesParser(policy=email.policy.default)
    (part,) = parser.parsebytes(f"Content-Type: {content}\n\n".encode() + body).iter_parts()
    text = part.get_content()
    return text.decode() if isinstance(text, bytes) else str(text)


@contextmanager
def serving(kubeflow: Kubeflow) -> Iterator[Kubeflow]:
    """Serve on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            place = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(place.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if kubeflow.token and self.headers.get("Authorization") != f"Bearer {kubeflow.token}":
                status, about = 401, {"message": "no valid token"}
            elif kubeflow.is_forbidden:
                status, about = 403, {"message": "not your namespace"}
            else:
                status, about = kubeflow.answer(
                    self.command, place.path, query, body, self.headers.get("Content-Type") or ""
                )
            text = json.dumps(about).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _reply  # noqa: N815 (http.server's names)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kubeflow.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield kubeflow
        finally:
            server.shutdown()
