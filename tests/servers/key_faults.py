"""An HTTP proxy in front of a key service that fails in one way for as long as a test says so.

It speaks plain HTTP to the vault, as a proxy on the same machine does, and forwards to moto's KMS or to
OpenBao. What the services themselves say in each case is written here in their own words.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

Reply = tuple[int, bytes]


@dataclass
class Asked:
    """One request: its body, how to forward it, and an event that is set when the proxy ends."""

    body: bytes
    forward: Callable[[], Reply]
    ended: threading.Event


#: What happens to a request. None as its reply: the connection is closed without one.
Fault = Callable[[Asked], Reply | None]


def kms_says(code: str) -> Fault:
    """Answer as KMS refuses: 500 for its own faults, else 400, with the code in the body."""
    body = json.dumps({"__type": code, "message": "arn:aws:kms:eu-west-1:111122223333:key/1"}).encode()
    return lambda _asked: (500 if "Internal" in code else 400, body)


def bao_says(status: int, text: str) -> Fault:
    """Answer as OpenBao refuses: a status and a list of texts."""
    return lambda _asked: (status, json.dumps({"errors": [text]}).encode())


def says(status: int, body: bytes) -> Fault:
    """Answer what no key service says."""
    return lambda _asked: (status, body)


def drops(_asked: Asked) -> None:
    """Close the connection without an answer."""


def hangs(asked: Asked) -> None:
    """Take the request and never answer."""
    asked.ended.wait(60)


def slowly(seconds: float) -> Fault:
    """Answer truly, but late."""

    def fault(asked: Asked) -> Reply | None:
        return None if asked.ended.wait(seconds) else asked.forward()

    return fault


def another_secret(asked: Asked) -> Reply:
    """Answer as if all were well, with bytes of the right length that were never wrapped."""
    status, body = asked.forward()
    answer = json.loads(body)
    for holder, name in ((answer, "Plaintext"), (answer.get("data") or {}, "plaintext")):
        if name in holder:
            length = len(base64.b64decode(holder[name]))
            holder[name] = base64.b64encode(b"\x5a" * length).decode()
    return status, json.dumps(answer).encode()


def once(fault: Fault) -> Fault:
    """Fail for one request, and forward all others."""
    used = threading.Event()

    def one(asked: Asked) -> Reply | None:
        if used.is_set():
            return asked.forward()
        used.set()
        return fault(asked)

    return one


@dataclass
class KeyProxy:
    """The proxy: its address, the fault that holds now, and the bodies of the requests so far."""

    host: str
    fault: Fault | None = None
    bodies: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def key_proxy(target: str, ca: Path | None = None) -> Iterator[KeyProxy]:
    """Run a proxy to the key service at ``target`` until the end of the block."""
    trust = ssl.create_default_context(cafile=ca)

    class Handler(_Handler):
        pass

    with (
        httpx.Client(base_url=target, verify=trust, timeout=30) as http,
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
    ):
        server.daemon_threads = True
        proxy = KeyProxy(f"127.0.0.1:{server.server_address[1]}")
        Handler.proxy, Handler.http = proxy, http
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: KeyProxy
    http: httpx.Client

    def do_POST(self) -> None:
        """Answer one request: truly, or as the fault says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.proxy.bodies.append(body)
        fault = self.proxy.fault
        reply = fault(Asked(body, lambda: self._forward(body), self.proxy.ended)) if fault else None
        if fault and reply is None:
            self.close_connection = True
            return
        status, answer = reply or self._forward(body)
        try:
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # Anyone who asked has given up.

    def _forward(self, body: bytes) -> Reply:
        dropped = {"host", "connection", "content-length", "accept-encoding"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        got = self.http.post(self.path, content=body, headers=headers)
        return got.status_code, got.content

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""
