"""Clients and a network that fail at the n-th call, in the words of the libraries that adapters see."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpcore
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.faults.nth_call import Fault, Nth

_PUBLIC = "93.184.216.34"
_SERVICE = "https://service.example"


class NthClient:
    """A client of botocore's that asks at every call, in the words of botocore."""

    def __init__(self, client: Any, nth: Nth) -> None:
        self._client, self._nth = client, nth

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the call of this name."""
        method = getattr(self._client, name)

        def call(**asked: Any) -> Any:
            lost = self._nth.begin(name)
            answer = method(**asked)
            if lost and "Body" in answer:
                answer["Body"].close()
            self._nth.end(name, lost=lost)
            return answer

        return call


def _busy(name: str) -> Exception:
    said = {"Error": {"Code": "ServiceUnavailable"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    return ClientError(said, name)  # type: ignore[arg-type]


_SAID_BY_BOTOCORE: dict[str, Callable[[str], Exception]] = {
    "timeout": lambda _name: ReadTimeoutError(endpoint_url=_SERVICE),
    "503": _busy,
    "reset": lambda _name: ConnectionClosedError(endpoint_url=_SERVICE),
}
#: How calls to a service of AWS's kind fail.
BOTOCORE = [
    Fault(name if not lost else f"{name}, lost", error, lost=lost)
    for lost in (False, True)
    for name, error in _SAID_BY_BOTOCORE.items()
]


class MediaNetwork(httpcore.AsyncNetworkBackend):
    """A resolver and a network in memory, with one host of media behind it; asked for at every call."""

    def __init__(self, nth: Nth) -> None:
        """Begin with no media."""
        self.nth = nth
        self.media: dict[str, bytes] = {}

    def serve(self, url: str, body: bytes) -> None:
        """Put media under a URL."""
        self.media[urlsplit(url).path] = body

    async def resolve(self, _host: str, _port: int) -> Sequence[str]:
        """Return a public address."""
        self.nth.end("resolve", lost=self.nth.begin("resolve"))
        return [_PUBLIC]

    async def connect_tcp(self, host, port, timeout=None, **_options):  # noqa: ASYNC109 - httpcore's signature
        """Connect."""
        self.nth.end("connect", lost=self.nth.begin("connect"))
        return _Line(self)


class _Line(httpcore.AsyncNetworkStream):
    """One connection: a request comes, and its answer goes in small pieces."""

    def __init__(self, network: MediaNetwork) -> None:
        self.network = network
        self.asked, self.answer = b"", b""

    async def write(self, buffer, timeout=None):  # noqa: ASYNC109 - httpcore's signature
        """Take a piece of the request, and prepare the answer once it is whole."""
        lost = self.network.nth.begin("write")
        self.asked += buffer
        if self.asked.endswith(b"\r\n\r\n"):
            body = self.network.media[self.asked.split(b" ")[1].decode()]
            self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        self.network.nth.end("write", lost=lost)

    async def read(self, max_bytes, timeout=None):  # noqa: ASYNC109 - httpcore's signature
        """Give the next piece."""
        lost = self.network.nth.begin("read")
        piece, self.answer = self.answer[:1024], self.answer[1024:]
        self.network.nth.end("read", lost=lost)
        return piece

    async def start_tls(self, ssl_context, server_hostname=None, timeout=None):  # noqa: ASYNC109
        """Trust the network, which is in memory."""
        self.network.nth.end("handshake", lost=self.network.nth.begin("handshake"))
        return self

    async def aclose(self):
        """Hang up."""

    def get_extra_info(self, info):
        """Know nothing more."""


_TIMEOUTS = {"read": httpcore.ReadTimeout, "write": httpcore.WriteTimeout, "resolve": TimeoutError}
_BREAKS = {"read": httpcore.ReadError, "write": httpcore.WriteError, "resolve": OSError}
#: How a resolver and a network fail; a reset may also come as the system says it.
NETWORK = [
    Fault("timeout", lambda name: _TIMEOUTS.get(name, httpcore.ConnectTimeout)("test")),
    Fault("unavailable", lambda name: _BREAKS.get(name, httpcore.ConnectError)("test")),
    Fault("reset", lambda _name: ConnectionResetError("test")),
    Fault("reset, lost", lambda _name: ConnectionResetError("test"), lost=True),
]
