"""Traces: what a collector gets of a job, and that it is never text, an address or a key."""

import asyncio
import os
import socket
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
from sqlalchemy import select

from reflectgen import traces
from reflectgen.errors import TeacherUnavailable
from reflectgen.jobs.registry import Registry
from reflectgen.llm.client import OpenAIClient
from reflectgen.llm.completion import CompletionRequest
from reflectgen.store import Store
from reflectgen.store.tables import shard, task
from tests.api.worlds import world
from tests.cli.background_server import background
from tests.jobs.service_world import Service
from tests.llm.fault_server import completion, http, models, serving

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


def test_each_shard_that_a_worker_goes_on_to_has_a_span_with_its_own_task(tmp_path, spans):
    service = Service(tmp_path, store=Store(tmp_path / "service.sqlite"))
    service.add_corpus([f"{CANARY}, number {n}. {'Boats come in. ' * 300}" for n in range(200)])
    service.submit()
    service.deliver()
    with service.store.read() as connection:
        expected = connection.execute(
            select(task.c.id, task.c.number, shard.c.num_chunks)
            .join(shard, shard.c.number == task.c.number)
            .where(task.c.kind == "reflect")
        ).all()
    service.worker.close()
    service.store.close()
    (turn,) = [span for span in spans() if span.name == "reflect"]
    shards = [span for span in spans() if span.name == "shard"]
    assert len(shards) > 1
    told = {(s.attributes["task"], s.attributes["shard"], s.attributes["num_chunks"]) for s in shards}
    assert told == {tuple(row) for row in expected}
    assert {span.parent.span_id for span in shards} == {turn.context.span_id}


def test_a_shard_whose_teacher_goes_away_has_a_span_that_does_not_say_it_is_done(tmp_path, spans):
    async def lists_only(asked):
        return http(200, models("m")) if asked.path.endswith("/models") else http(503, CANARY)

    with background(lists_only) as server:
        far = {"url": server.url, "outage_patience_seconds": 0}
        recipes = {"far": {"teacher": {"use": ["far"]}, "policy": {"ask": "all"}}}
        registry = Registry.model_validate({"endpoints": {"far": far}, "recipes": recipes})
        service = Service(tmp_path, registry, Store(tmp_path / "service.sqlite"))
        service.add_corpus(["Boats come in."])
        service.submit(recipe="far")
        service.deliver(2)
        service.worker.close()
        service.store.close()
    (turn,) = [span for span in spans() if span.name == "reflect"]
    (shard_span,) = [span for span in spans() if span.name == "shard"]
    assert turn.attributes["error.type"] == "TeacherUnavailable"
    assert "num_chunks" not in shard_span.attributes
    assert "canary" not in " ".join(span.to_json() for span in spans())


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
    assert dict(good.attributes) == {
        "rows": 1,
        "http.response.status_code": 200,
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
    }
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


def test_a_collector_that_is_away_does_not_hold_up_the_end_of_a_process(monkeypatch):
    monkeypatch.setattr(traces, "END_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes a connection, and never answers
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        traces.start_traces("reflectgen-worker")
        with traces.span("reflect", job="job_1"):
            pass
        ended = threading.Thread(target=traces.end_traces, daemon=True)
        ended.start()
        ended.join(5)  # by themselves they would take ten seconds to give the span up
        assert not ended.is_alive()


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
