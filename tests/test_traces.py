"""Traces: what a collector gets of a job, and that it is never text, an address or a key."""

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from reflectgen import traces
from reflectgen.errors import TeacherUnavailable
from reflectgen.llm.client import OpenAIClient
from reflectgen.llm.completion import CompletionRequest
from reflectgen.store import Store
from tests.api.worlds import world
from tests.jobs.service_world import Service
from tests.llm.fault_server import completion, http, serving

CANARY = "canary of a secret corpus"


@pytest.fixture
def spans():
    kept = InMemorySpanExporter()
    traces.begin("test", SimpleSpanProcessor(kept))
    yield kept.get_finished_spans
    traces.end_traces()


@contextmanager
def collector():
    """Receive OTLP over HTTP, as a collector does."""
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_all_tasks_of_a_job_are_one_trace_below_its_root(tmp_path, spans):
    service = Service(tmp_path, store=Store(tmp_path / "service.sqlite"))
    service.add_corpus([f"{CANARY}, number {n}." for n in range(3)])
    job_id, other_id = service.submit(), service.submit()
    service.deliver()
    service.worker.close()
    service.store.close()
    roots = {span.attributes["job"]: span for span in spans() if span.name == "job"}
    tasks = [span for span in spans() if span.attributes.get("job") == job_id and "task" in span.attributes]
    assert {span.name for span in tasks} == {"plan", "reflect", "review", "export"}
    root = roots[job_id].get_span_context()
    assert roots[job_id].parent is None
    assert {span.context.trace_id for span in tasks} == {root.trace_id}
    assert {span.parent.span_id for span in tasks} == {root.span_id}
    assert roots[other_id].context.trace_id != root.trace_id
    assert CANARY not in " ".join(span.to_json() for span in spans())


def test_a_call_of_a_model_is_told_with_its_status_and_without_its_words(spans):
    asked = ({"role": "user", "content": CANARY},)
    question = CompletionRequest(messages=asked, model="m", seed=5, temperature=0.5, max_tokens=9)

    async def ask(reply):
        async with serving(reply) as server:
            client = OpenAIClient(server.url, SecretStr("sk-canary-5fe1"))
            try:
                with traces.span("reflect", job="job_1"):
                    await client.complete(question)
            finally:
                await client.close()
        return server.url

    asyncio.run(ask(http(200, completion(CANARY))))
    with pytest.raises(TeacherUnavailable):
        asyncio.run(ask(http(500, CANARY)))
    good, task, bad, failed = spans()
    assert [span.name for span in spans()] == ["chat", "reflect"] * 2
    assert good.parent.span_id == task.context.span_id
    assert (good.attributes["http.response.status_code"], good.attributes["rows"]) == (200, 1)
    assert bad.attributes["http.response.status_code"] == 500
    assert failed.attributes["error.type"] == "TeacherUnavailable"
    assert not failed.status.is_ok
    told = " ".join(span.to_json() for span in spans())
    assert "canary" not in told
    assert "127.0.0.1" not in told


def test_a_request_is_named_by_its_route_and_linked_to_from_the_job_it_submits(tmp_path, spans):
    with world(tmp_path / "data") as here:
        client = here.client("read", "submit")
        job_id = here.job(client)
        client.get(f"/v1/jobs/{job_id}?canary=1")
    by_name = {span.name: span for span in spans()}
    submitted, shown = by_name["POST /v1/jobs"], by_name["GET /v1/jobs/{job_id}"]
    assert submitted.attributes["http.response.status_code"] == 201
    assert by_name["job"].links[0].context.span_id == submitted.context.span_id
    assert shown.attributes["http.route"] == "/v1/jobs/{job_id}"
    assert "canary" not in shown.to_json()


def test_a_collector_gets_the_spans_of_a_process_that_ends(monkeypatch):
    with collector() as (url, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        traces.start_traces("reflectgen-worker")
        with traces.span("reflect", job="job_1", shard=3):
            pass
        traces.end_traces()
    (path, body), *_ = got
    assert path == "/v1/traces"
    (of_process,) = ExportTraceServiceRequest.FromString(body).resource_spans
    named = {one.key: one.value.string_value for one in of_process.resource.attributes}
    assert named["service.name"] == "reflectgen-worker"
    assert of_process.scope_spans[0].spans[0].name == "reflect"


def test_of_jobs_that_are_not_sampled_nothing_is_kept_on_any_machine(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    kept = InMemorySpanExporter()
    traces.begin("test", SimpleSpanProcessor(kept))
    names = [f"job_{n}" for n in range(40)]
    for name in names:
        traces.trace_job(name)
        with traces.span("reflect", job=name):
            pass
    traces.end_traces()
    sampled = {
        kind: {s.attributes["job"] for s in kept.get_finished_spans() if s.name == kind} for kind in ("job", "reflect")
    }
    assert sampled["job"] == sampled["reflect"]
    assert 0 < len(sampled["job"]) < len(names)


def test_without_a_collector_nothing_is_imported_or_kept():
    program = """
import sys
from reflectgen import traces
traces.start_traces("x", {})
traces.trace_job("job_1")
with traces.span("reflect", job="job_1") as traced:
    traced.set_attribute("rows", 1)
sys.exit(any(name.startswith("opentelemetry") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], env=dict(os.environ), check=False).returncode == 0


def test_a_collector_without_the_extra_is_told_in_one_line(tmp_path):
    program = """
import sys
sys.modules["opentelemetry.exporter"] = None  # as if it were not installed
from reflectgen.cli import main
sys.exit(main())
"""
    environ = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "REFLECTGEN_DATA": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", program, "api"], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 6, ended.stderr
    assert "pip install 'reflectgen[otel]'" in ended.stderr
    assert "Traceback" not in ended.stderr
