"""OpenTelemetry traces: a request, a job, each task of it, each call of a model. Off unless a collector is named.

    with span("reflect", job=public_id, shard=number) as traced:
        traced.set_attribute("num_chunks", 40)

A job is one trace, whichever machines work on it: its ids are a hash of the job's own, so that neither a message nor a
row has to carry them. Spans hold ids, kinds, counts, statuses and a model's name; never text, an address, a key or an
error's words.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol, cast

from reflectgen.errors import RecipeError

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)  # the collector; either asks for traces

# What OpenTelemetry's conventions call them.
STATUS = "http.response.status_code"
MODEL, INPUT_TOKENS, OUTPUT_TOKENS = "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
END_SECONDS = 3.0  # a collector that is away holds up the end of nobody

_provider: Any = None
_tracer: Any = None  # None: nobody asked for traces
_root: ContextVar[tuple[int, int] | None] = ContextVar("_root", default=None)


class Traced(Protocol):
    """A span that is open; without traces, what is said to it goes nowhere."""

    def set_attribute(self, key: str, value: str | int | float) -> object: ...

    def update_name(self, name: str) -> object: ...

    def end(self) -> object: ...


class _Nothing:
    def set_attribute(self, key: str, value: str | int | float) -> None: ...

    def update_name(self, name: str) -> None: ...

    def end(self) -> None: ...


_NOTHING = _Nothing()
_NOWHERE = nullcontext(_NOTHING)


def start_traces(service: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send this process's spans to the collector that `environ` names, if it names one; not before a fork.

    What else OpenTelemetry's own variables say holds too, such as OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS.

    Raises:
        RecipeError: a collector is named and the extra `otel` is not installed.
    """
    if not any(environ.get(name) for name in ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise RecipeError(
            f"{ENDPOINTS[1]} is set, and traces need {error.name}: pip install 'reflectgen[otel]'"
        ) from error
    begin(service, BatchSpanProcessor(OTLPSpanExporter()))


def begin(service: str, processor: Any) -> None:
    """Give every span from now on to an OpenTelemetry span processor."""
    global _provider, _tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            root = _root.get()
            return root[0] if root else super().generate_trace_id()

        def generate_span_id(self) -> int:
            root = _root.get()
            return root[1] if root else super().generate_span_id()

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    _provider = TracerProvider(resource=Resource.create(named), id_generator=Ids(), shutdown_on_exit=False)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("reflectgen")


def end_traces() -> None:
    """Send what is left, as far as the collector takes it at once, and stop."""
    global _provider, _tracer
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, name="end-of-traces", daemon=True)
        sending.start()
        sending.join(END_SECONDS)
    _provider = _tracer = None


@contextmanager
def traces_of(service: str) -> Iterator[None]:
    """Send this process's spans while the block lasts; see `start_traces`."""
    start_traces(service)
    try:
        yield
    finally:
        end_traces()


def trace_job(job: str) -> None:
    """Open the trace of a job, once, where it is submitted; linked to the request that did it."""
    if _tracer is None:
        return
    from opentelemetry import trace
    from opentelemetry.context import Context

    token = _root.set(_ids_of(job))
    try:
        link = trace.Link(trace.get_current_span().get_span_context())
        _tracer.start_span("job", context=Context(), attributes={"job": job}, links=[link]).end()
    finally:
        _root.reset(token)


def span(name: str, *, job: str = "", **about: str | int) -> AbstractContextManager[Traced]:
    """Return a span to work in: of a job's trace where one is named, else of what is open already."""
    return _NOWHERE if _tracer is None else _open(name, job, about)


def begun(name: str, **about: str | int) -> Traced:
    """Return a span below what is open already, which is over when its `end` is called; nothing is opened below it."""
    return _NOTHING if _tracer is None else cast("Traced", _tracer.start_span(name, attributes=about))


@contextmanager
def _open(name: str, job: str, about: Mapping[str, str | int]) -> Iterator[Traced]:
    from opentelemetry.trace import StatusCode

    attributes = {**about, "job": job} if job else about
    context = _context_of(job) if job else None
    # An error's words may quote a corpus or an address, so its type is all that is told of it.
    with _tracer.start_as_current_span(
        name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except BaseException as error:
            opened.set_attribute("error.type", type(error).__name__)
            opened.set_status(StatusCode.ERROR)
            raise


def _context_of(job: str) -> Any:
    """Return the context in which a span of a job begins: below its root, and sampled where that was."""
    from opentelemetry import trace

    trace_id, span_id = _ids_of(job)
    sampled = _provider.sampler.should_sample(None, trace_id, "job").decision.is_sampled()
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    root = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(root))


def _ids_of(job: str) -> tuple[int, int]:
    digest = hashlib.sha256(f"reflectgen trace of {job}".encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")
