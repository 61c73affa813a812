"""The HTTP client under downloads and REST calls; it connects only to the hosts a request allows (SSRF protection).

URLs are parsed strictly (``url``), hosts must be on the request's list, connections go to public addresses that were
checked (``checked_network``, ``address_policy``), a redirect is checked as the URL before it, and every step has a
timeout.
No error contains the URL. Each request has its own connection, but for those of one ``keep_alive``.
"""

import asyncio
import importlib.util
import ssl
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, nullcontext
from urllib.parse import urljoin

import certifi
import httpcore

from vault.errors import FetchFailed, StartRefused
from vault.telephony.http.address_policy import check_address
from vault.telephony.http.checked_network import CheckedNetwork, Resolver, resolve
from vault.telephony.http.host_connection import HostConnection
from vault.telephony.http.limits import Limits
from vault.telephony.http.url import MediaUrl, host_matches, is_address, parse_authority, parse_media_url

if importlib.util.find_spec("sniffio") is None:
    # httpcore tries to import it for every lock of every request, which searches the whole path: 4 ms of CPU for a
    # download.
    sys.modules["sniffio"] = None  # type: ignore[assignment]
#: Bytes of one read of a response. Every read costs some 0.3 ms of CPU in httpcore, and 64 KiB is its default.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 256 * 1024
#: Every error httpcore raises for server and network failures. ssl's errors are OSErrors.
NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)


def trust() -> ssl.SSLContext:
    """Return a TLS context that trusts the system's CA certificates and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


#: What is wrong with a host's certificate, by OpenSSL's code.
_CERTIFICATES = {
    10: "The host's TLS certificate has expired.",
    18: "The host's TLS certificate is signed by itself, and not by an authority that the vault trusts.",
    19: "The host's TLS certificate is not signed by an authority that the vault trusts.",
    20: "The host's TLS certificate is not signed by an authority that the vault trusts.",
    62: "The host's TLS certificate is for another name.",
}


class GuardedHttp:
    """Sends requests to the hosts each request allows, and to the operator's trusted hosts."""

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        limits: Limits | None = None,
        resolver: Resolver = resolve,
        dialer: httpcore.AsyncNetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take ``allow``, the operator's trusted ``host:port`` entries.

        These may be private addresses, hosts outside the request's list, and plain http. They also receive the
        request's credentials. Raises StartRefused for an entry that is not exactly a host and a port.
        """
        self.trusted = frozenset(_trusted(entry) for entry in allow)
        self.limits = limits or Limits()
        self.ssl_context = ssl_context or trust()
        self.network = CheckedNetwork(
            trusted=self.trusted,
            resolver=resolver,
            dialer=dialer or httpcore.AnyIOBackend(),
            dns_seconds=self.limits.dns,
        )

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: MediaUrl,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        by: HostConnection | None = None,
    ) -> AsyncIterator[httpcore.Response]:
        """Send a request to a URL that was admitted, and yield the response with the body still unread.

        Without ``by`` it has a connection of its own. Raises FetchFailed, final for an address that is not allowed.
        """
        lines = _headers(headers, url, body, closes=by is None)
        async with nullcontext(by) if by is not None else self.keep_alive() as connection:
            response = await self._send(connection, method, url, lines, body)
            try:
                yield response
            finally:
                await response.aclose()

    @asynccontextmanager
    async def keep_alive(self) -> AsyncIterator[HostConnection]:
        """Yield a connection for requests one after the other; with the end it is closed."""
        connection = HostConnection(self.network, self.ssl_context)
        async with connection.pool:
            yield connection

    def admit(self, address: str, hosts: tuple[str, ...]) -> MediaUrl:
        """Parse the URL and check that the request or the operator allows its host, scheme, port and address.

        The addresses of a name are checked when it is resolved. Raises FetchFailed, final.
        """
        try:
            url = parse_media_url(address)
        except ValueError:
            raise FetchFailed("The URL is not one that can be fetched.", final=True) from None
        if (url.host, url.port) in self.trusted:
            return url
        if url.scheme != "https" or url.port != self.limits.https_port:
            raise FetchFailed(f"The URL must use https and port {self.limits.https_port}.", final=True)
        if not host_matches(url.host, hosts):
            raise FetchFailed("The host is not one of the provider's.", final=True)
        if is_address(url.host):
            check_address(url.host)
        return url

    def follow(self, url: MediaUrl, location: str, hosts: tuple[str, ...]) -> MediaUrl:
        """Return the URL of a redirect from ``url``, checked as the first one. Raises FetchFailed, final.

        Only a trusted host may redirect to a trusted one, or any public host could send the vault to those.
        """
        target = self.admit(urljoin(url.text, location), hosts)
        is_trusted = (target.host, target.port) in self.trusted
        if is_trusted and (url.host, url.port) not in self.trusted:
            raise FetchFailed("The host redirected to one of VAULT_MEDIA_ALLOW.", final=True)
        return target

    async def _send(
        self,
        connection: HostConnection,
        method: str,
        url: MediaUrl,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> httpcore.Response:
        limits = self.limits
        loop = asyncio.get_running_loop()
        opening = asyncio.timeout(limits.dns + 2 * limits.connect)
        is_sent = False

        async def on_event(name: str, _info: object) -> None:
            nonlocal is_sent
            is_sent |= name == "http11.send_request_headers.started"
            if name == "http11.receive_response_headers.started":
                # httpcore's own timeout is per read; a server that sends byte by byte would never reach it.
                opening.reschedule(loop.time() + limits.head)

        request = httpcore.Request(
            method,
            httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
            headers=headers,
            content=body or None,
            extensions={"timeout": {"connect": limits.connect, "write": limits.head}, "trace": on_event},
        )
        try:
            async with opening:
                await connection.check(url.host, url.port)
                return await connection.pool.handle_async_request(request)
        except TimeoutError:
            failed = FetchFailed("The host did not respond in time.", host_down=True)
        except NETWORK_ERRORS as error:
            failed = FetchFailed(_why(error), host_down=not _is_answer(error))
        except FetchFailed as error:
            # Of the name and its addresses, which are checked where they are dialled.
            failed = error
        failed.unsent = not is_sent
        raise failed from None


def _why(error: BaseException | None) -> str:
    """Return why a request failed, without the library's words, which contain addresses and host names."""
    name, cause = type(error).__name__, error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATES.get(cause.verify_code, "The host's TLS certificate is not valid.")
        if isinstance(cause, ssl.SSLError):
            return "The TLS handshake with the host failed."
        if isinstance(cause, ConnectionRefusedError):
            return "The host refused the connection."
        cause = cause.__cause__ or cause.__context__
    return f"The request to the host failed ({name})."


def _is_answer(error: Exception) -> bool:
    """Return whether the host answered, with what is not HTTP or has no end, rather than hung up or was not there.

    httpcore reports both as a RemoteProtocolError: the first around the parser's error, the second with a text.
    """
    return isinstance(error, httpcore.RemoteProtocolError) and isinstance(error.args[0], Exception)


def _headers(
    wanted: Mapping[str, str], url: MediaUrl, body: bytes, *, closes: bool
) -> list[tuple[bytes, bytes]]:
    """Merge the request's headers with this client's; this client's win."""
    headers = {name.lower(): value for name, value in wanted.items()} | {
        "host": url.authority,
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close" if closes else "keep-alive",
        "user-agent": "callvault",
    }
    if body:
        headers["content-length"] = str(len(body))
    try:
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    except UnicodeEncodeError:
        raise FetchFailed(
            "The connection's credentials must be ASCII to be sent in a header.", final=True
        ) from None


def _trusted(entry: str) -> tuple[str, int]:
    """Parse an entry of VAULT_MEDIA_ALLOW as host and port."""
    try:
        host, port = parse_authority(entry.strip())
    except ValueError:
        host, port = "", None
    if port is None:
        raise StartRefused(
            "VAULT_MEDIA_ALLOW is a list of host:port entries with commas, such as 127.0.0.1:8090. "
            f"The entry {entry!r} is not one."
        )
    return host, port
