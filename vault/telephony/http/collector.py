"""Sends lines to a collector over TLS, and learns from the end of the connection that it has read them."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from vault.domain.audit_log.collector_lines import Line, as_json, as_syslog
from vault.domain.urls import split_url
from vault.errors import StartRefused
from vault.ports.collector import CollectorDown

#: Seconds for one step: to connect, to send a block, to read to the end.
_TIMEOUT: Final = 10.0
_OPTIONS: Final = frozenset({"format", "close_notify", "ca", "certificate", "key"})
_FORMATS: Final = frozenset({"syslog", "json"})
_CLOSE_NOTIFY: Final = frozenset({"required", "optional"})


class NoCollector:
    """The operator has no collector."""

    is_set = False

    async def deliver(self, lines: Sequence[Line]) -> None:
        """Send nothing: nobody asks for it."""
        raise CollectorDown(reason=f"There is no collector for {len(lines)} lines.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsCollector:
    """A collector at an address of the operator's network."""

    host: str
    port: int
    context: ssl.SSLContext
    encode: Callable[[Line], bytes]
    #: Whether it must end its side by close_notify, as RFC 5425 (4.4) wants it of syslog.
    needs_notify: bool
    is_set: bool = True

    async def deliver(self, lines: Sequence[Line]) -> None:
        """Send lines by one connection. Raises CollectorDown.

        Syslog has no answer. So the connection is ended by ``close_notify``, and the collector ends its side once it
        has read all before that. One that died resets the connection, or never ends it.
        """
        data = b"".join(map(self.encode, lines))
        try:
            await asyncio.to_thread(self._send, data)
        except OSError as error:
            raise CollectorDown(reason=type(error).__name__) from None

    def _send(self, data: bytes) -> None:
        with (
            socket.create_connection((self.host, self.port), timeout=_TIMEOUT) as plain,
            self.context.wrap_socket(plain, server_hostname=self.host) as secure,
        ):
            secure.sendall(data)
            try:
                secure.unwrap()
            except ssl.SSLEOFError:
                # It ended the connection without close_notify, and without a reset: it had read to the end, and may
                # have died before it wrote that.
                if self.needs_notify:
                    raise


def collector_of(url: str | None, public_url: str) -> "NoCollector | TlsCollector":
    """Return the collector of a setting. Raises StartRefused, naming it."""
    if url is None:
        return NoCollector()
    parts = split_url(url)
    try:
        options, port = (
            dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))),
            parts.port,
        )
    except ValueError:
        raise _refusal() from None
    named = (
        parts.scheme == "tls"
        and parts.hostname
        and port
        and not parts.path.strip("/")
        and parts.username is None
    )
    format_, notify = options.get("format", "syslog"), options.get("close_notify", "required")
    known = options.keys() <= _OPTIONS and format_ in _FORMATS and notify in _CLOSE_NOTIFY
    if not named or not known or port is None:
        raise _refusal()
    host = split_url(public_url).hostname or ""
    return TlsCollector(
        host=parts.hostname or "",
        port=port,
        context=_context(options),
        needs_notify=notify == "required",
        encode=as_json if format_ == "json" else lambda line: as_syslog(line, host),
    )


def _refusal() -> StartRefused:
    return StartRefused(
        "VAULT_SIEM_URL must be tls://host:port, with ?format=syslog or json, close_notify=required or optional, "
        "and files: ca=, certificate=, key=."
    )


def _context(options: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ca"))
        if "certificate" in options:
            context.load_cert_chain(options["certificate"], options.get("key"))
    except (OSError, ValueError):
        raise StartRefused(
            "A file of VAULT_SIEM_URL (ca, certificate, key) cannot be read as PEM by this process."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
