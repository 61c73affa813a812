"""Spans: what they say of requests, services and calls, and that they say nothing of anybody."""

import asyncio
import inspect
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.servers.media_thread import media_thread
from tests.servers.vault_process import vault_process
from tests.support.service_page import listed
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO
from vault import tracing
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.transaction import Transaction
from vault.errors import NotFound, StartRefused, Tampered
from vault.objects.s3_client import S3Calls
from vault.services.accounts.accounts import Accounts
from vault.services.recordings.remove_erased import RemoveErased
from vault.thread_pools import Threads

NUMBER, AGENT = "+14155550177", "Ottokar Loggins"


@dataclass
class Collector:
    """A collector of OTLP over HTTP that keeps what it is sent."""

    url: str
    bodies: list[bytes] = field(default_factory=list)

    def whole(self) -> list[Span]:
        """Return the spans as they were sent."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [
            scope for one in requests for resource in one.resource_spans for scope in resource.scope_spans
        ]
        return [span for scope in scopes for span in scope.spans]

    def spans(self) -> list[tuple[str, dict[str, object], str]]:
        """Return name, attributes and status message of each span."""
        found = []
        for span in self.whole():
            said = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
            found.append((span.name, said, span.status.message))
        return found


class Nothing:
    """A database that has nothing."""

    async def read(self, _: object) -> None:
        """Return nothing."""

    async def claim(self, *_: object, **__: object) -> None:
        """Claim nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers.get("Content-Encoding") is None
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Collector(f"http://127.0.0.1:{server.server_port}/v1/traces", bodies)
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_name_routes_and_services_and_nobody(collector: Collector, tmp_path: Path):
    """A call comes in and is heard; its trace has templates, methods and statuses, and not one word of it."""
    with (
        media_thread() as media,
        vault_process(
            tmp_path,
            VAULT_TRACING_URL=collector.url,
            VAULT_MEDIA_ALLOW=f"{media.authority}",
        ) as server,
    ):
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with (
            httpx.Client(base_url=server.url, headers=headers, timeout=30) as admin,
            httpx.Client(base_url=server.url, timeout=30) as browser,
        ):
            tenant = Tenant.open(admin)
            recording = tenant.uploaded(AUDIO)
            link = tenant.link(recording, listener=AGENT)
            opened = open_link(browser, link["url"])
            assert browser.get(f"{opened.headers['location']}/audio").content == AUDIO
            announced = tenant.announce(media.serve("/a.wav", AUDIO), call="call-2", ref="rec-2")
            tenant.wait(announced.json()["recording"])
            admin.get(tenant.url("/recordings"), params={"number": NUMBER, "agent": AGENT})
            # Of the form of earlier releases: what is forged is answered before any route.
            browser.get(f"/p/{'distinctive-token':x<43}")
            browser.get("/distinctive-path")
        assert server.stop() == 0
    spans = collector.spans()
    names = {name for name, _, _ in spans}
    assert {
        "GET /s/{session}/audio", "POST /p/{token}/open", "PUT /v1/accounts/{account}", "GET no route",
        "Uploads.store", "Attempt", "Describe", "OpenLinks.open", "AudioStreams.stream", "LogPublisher.sign",
        "SubprocessDescriber.describe", "read sqlite", "write sqlite",
    } <= names  # fmt: skip
    assert_work_is_linked(collector)
    assert ("GET /p/{token}", {"http.request.method": "GET", "http.response.status_code": 404}, "") in spans
    assert {key for _, said, _ in spans for key in said} <= tracing.ATTRIBUTES - {"vault.idle"}
    sent = b"".join(collector.bodies)
    words = [
        NUMBER[1:], AGENT, "distinctive", tenant.name, tenant.id, recording, link["url"].rpartition("/")[2],
        opened.headers["location"].rpartition("/")[2], tenant.secret, headers["Authorization"][7:],
    ]  # fmt: skip
    assert [word for word in words if word.encode() in sent] == []


def assert_work_is_linked(collector: Collector) -> None:
    """The worker's trace of each recording is another one, linked to the request that brought the recording."""
    by_id = {(span.trace_id, span.span_id): span for span in collector.whole()}
    linked = [span for span in collector.whole() if span.links]
    assert {span.name for span in linked} == {"Ingest", "Describe"}
    brought = set()
    for span in linked:
        (link,) = span.links
        assert link.trace_id != span.trace_id
        request = by_id[link.trace_id, link.span_id]
        while request.parent_span_id:
            request = by_id[request.trace_id, request.parent_span_id]
        brought.add(request.name)
    assert brought == {
        "POST /webhooks/{provider}/{connection}",
        "PUT /v1/accounts/{account}/calls/{call_ref}/recordings/{recording_ref}",
    }


async def test_a_call_of_the_database_is_a_span_by_the_semantic_conventions(
    collector: Collector, tmp_path: Path
):
    """It has system, operation and function; nothing of a statement, and none outside a trace or in an idle poll."""
    stop = tracing.set_up(collector.url)
    database = tracing.traced_database(SqliteDatabase, "sqlite")(tmp_path / "vault.db")

    class Poll:
        async def __call__(self, found: bool) -> bool:
            await database.read(_ask_distinctively)
            return found

    try:
        poll = tracing.traced(Poll)()
        await database.read(_ask_distinctively)
        await poll(False)
        assert await poll(True)
    finally:
        await asyncio.to_thread(stop)
        database.close()
    call, job = collector.whole()
    assert (call.name, call.kind, call.parent_span_id) == ("read sqlite", Span.SPAN_KIND_CLIENT, job.span_id)
    assert (job.name, job.kind) == ("Poll", Span.SPAN_KIND_INTERNAL)
    attributes = {"db.system.name": "sqlite", "db.operation.name": "read", "vault.call": "_ask_distinctively"}
    assert collector.spans() == [("read sqlite", attributes, ""), ("Poll", {}, "")]
    assert b"SELECT" not in b"".join(collector.bodies)


def _ask_distinctively(tx: Transaction) -> None:
    assert tx.connection.exec_driver_sql("SELECT 'distinctive'").scalar() == "distinctive"


async def test_a_long_trace_is_not_held_to_its_end(collector: Collector):
    """What is no idle poll goes out while it lasts: a stream may take hours."""
    stop = tracing.set_up(collector.url)
    try:
        with tracing.span("stream"):
            for _ in range(100):
                with tracing.span("s3"):
                    pass
            provider = tracing._tracers[-1].span_processor  # type: ignore[attr-defined]
            await asyncio.to_thread(provider.force_flush)
            assert len(collector.whole()) == 100
    finally:
        await asyncio.to_thread(stop)
    assert len(collector.whole()) == 101


async def test_a_call_of_a_part_is_a_span_without_the_words_of_its_error(collector: Collector):
    """The span has the method in which the call was written, and of an error the class alone."""
    stop = tracing.set_up(collector.url)
    threads = Threads("test", 1)
    calls = S3Calls(client=None, bucket="b", threads=threads)  # type: ignore[arg-type]

    def fails() -> None:
        raise Tampered("distinctive words")

    try:
        assert await calls.run(lambda: 7) == 7
        with pytest.raises(Tampered):
            await calls.run(fails)
    finally:
        await asyncio.to_thread(stop)
        threads.close()
    call = "test_a_call_of_a_part_is_a_span_without_the_words_of_its_error"
    assert collector.spans() == [("s3", {"vault.call": call}, ""), ("s3", {"vault.call": call}, "Tampered")]
    assert b"distinctive" not in b"".join(collector.bodies)
    assert not tracing.is_on()


async def test_every_public_method_of_a_service_is_a_span(collector: Collector):
    """The span has the class and the method, or the class alone for a job that is called; private steps have none."""
    kinds = listed()
    assert len(kinds) > 40
    stop = tracing.set_up(collector.url)
    try:
        for kind in kinds:
            awaited = {
                name: method for name, method in vars(kind).items() if inspect.iscoroutinefunction(method)
            }
            public = {name for name in awaited if name == "__call__" or not name.startswith("_")}
            # Kept by name: the collector of cycles empties the dict of a class that nobody refers to.
            wrapped = tracing.traced(kind)
            assert {
                name for name, method in awaited.items() if vars(wrapped).get(name, method) is not method
            } == public
        accounts = tracing.traced(Accounts)(
            database=Nothing(),  # type: ignore[arg-type]
            ring=Nothing(),  # type: ignore[arg-type]
            clock=Nothing(),  # type: ignore[arg-type]
            region=None,
        )
        with pytest.raises(NotFound):
            await accounts.find("nobody")
        erased = tracing.traced(RemoveErased)(database=Nothing(), objects=Nothing())  # type: ignore[arg-type]
        assert await erased() is False
    finally:
        await asyncio.to_thread(stop)
    # A poll that found nothing has no span.
    assert collector.spans() == [("Accounts.find", {}, "NotFound")]


def test_a_span_says_nothing_that_is_not_foreseen(collector: Collector):
    """An attribute outside the closed set is a mistake that does not pass."""
    stop = tracing.set_up(collector.url)
    try:
        with pytest.raises(ValueError, match="not allowed"):
            tracing.span("x", account="acme")
    finally:
        stop()


def test_without_the_packages_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    """Nothing is silently left out."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartRefused, match=r"pip install '\.\[otel\]'"):
        tracing.set_up("http://127.0.0.1:4318/v1/traces")
    assert not tracing.is_on()
