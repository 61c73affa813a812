"""An HTTP proxy in front of a real server that misbehaves where a test tells it to.

Each fault is used once, by the first request whose method and URL it names. What it does to the request
or the answer is what servers, balancers and networks do: an answer lost after the effect, a 503, a
status 200 with an error in it, a body that breaks off, bytes changed on the way.
"""

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["refuse", "lose", "busy", "error in 200", "cut", "other checksum", "shorter"]

ERROR_IN_200 = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
)
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass(frozen=True)
class Fault:
    """What happens to one request. ``request`` is a pattern for "METHOD target"."""

    kind: Kind
    request: str


@dataclass
class FaultyProxy:
    """The proxy's URL, the faults still to come, and the requests so far."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: While it is not set, requests are taken and get no answer.
    answering: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Answer from the beginning."""
        self.answering.set()

    def take(self, request: str) -> Fault | None:
        """Note a request and return the fault that it meets."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if re.search(fault.request, request):
                    self.faults.remove(fault)
                    return fault
            return None


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """Run a proxy to the server at ``target`` until the end of the block."""

    class Handler(_Handler):
        host = urlsplit(target).netloc

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = FaultyProxy(f"http://127.0.0.1:{server.server_address[1]}")
        Handler.proxy = proxy
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.answering.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    host = ""
    # botocore asks for "100 Continue", which HTTP/1.0 does not know, and would wait for it.
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def answer(self) -> None:
        """Forward one request and its answer, changed as the fault says."""
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.take(f"{self.command} {self.path}")
        kind = fault.kind if fault else None
        self.proxy.answering.wait()
        if kind == "refuse":
            return
        if kind == "busy":
            self._send(503, [("Content-Type", "application/xml")], BUSY)
            return
        if kind == "error in 200":
            self._send(200, [("Content-Type", "application/xml")], ERROR_IN_200)
            return
        status, headers, answer = self._forward(body)
        if kind == "lose":
            return
        if kind == "other checksum":
            headers.append(("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="))
        if kind == "shorter":
            answer = answer[:-1]
        self._send(status, headers, answer, cut=kind == "cut")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - the base class names them

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            got = connection.getresponse()
            answer = got.read()
            dropped = {"content-length", "transfer-encoding", "connection", "x-amz-checksum-crc64nvme"}
            headers = [(name, value) for name, value in got.getheaders() if name.lower() not in dropped]
            if self.command == "HEAD":
                headers.append(("Content-Length", got.getheader("Content-Length", "0")))
            return got.status, headers, answer
        finally:
            connection.close()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""
