"""The command ``events listen``: a receiver of events for developers, which verifies and prints what arrives."""

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Final

import typer

from vault.errors import Invalid, NotAuthentic, VaultError
from vault.telephony.signatures.standard_webhooks import secret_bytes, verify

events = typer.Typer(help="Receive the events of a vault, while you develop.", no_args_is_help=True)

SECRET_VARIABLE: Final = "EVENT_SECRET"  # noqa: S105 - not a secret
#: Bytes of a body; an event has some hundred.
_MAX_BODY: Final = 20_000
#: Ids that are remembered.
_REMEMBERED: Final = 10_000
#: Seconds that a sender may take.
_TIMEOUT: Final = 10


@events.command()
def listen(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8090,
    secret_file: Annotated[
        Path | None,
        typer.Option(help=f"A file with the endpoint's secret; without it, the variable {SECRET_VARIABLE}."),
    ] = None,
) -> None:
    r"""Take events as an endpoint does: verify each, print it, answer 200.

    The vault sends to https URLs of public addresses. For one on this machine, start it with
    VAULT_MEDIA_ALLOW=127.0.0.1:8090, and make the endpoint and run this with its secret:

    \b
      curl --oauth2-bearer "$KEY" "$VAULT/v1/accounts/acme/event-endpoints" \
        --json '{"url": "http://127.0.0.1:8090/", "types": ["*"]}'
      EVENT_SECRET=whsec_... callvault events listen

    A line has the sequence, the type and the ids of an event. "again" marks one whose id came before, because the vault
    sends at least once. "missing" names numbers before it that have not come: events that are late, or of types that
    the endpoint does not get. "refused" is a message that the secret has not signed; it is answered 401. While a secret
    is replaced, give both, divided by a space.
    """
    secrets = _read_secrets(secret_file)
    log = EventLog(secrets=secrets)
    try:
        server = ThreadingHTTPServer((host, port), _handler(log))
    except OSError as error:
        raise VaultError(
            f"Nothing can listen on {host}:{port}: {error.strerror}. Choose another --port."
        ) from None
    with server:
        typer.echo(f"Listening on http://{host}:{server.server_port}/", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("", err=True)


def _read_secrets(path: Path | None) -> Sequence[str]:
    text = os.environ.get(SECRET_VARIABLE, "")
    if path is not None:
        try:
            text = path.read_text("ascii")
        except (OSError, ValueError):
            raise VaultError(
                f"{path} cannot be read as text. It must have the secret of the endpoint."
            ) from None
    secrets = text.split()
    if not secrets:
        raise VaultError(f"Set {SECRET_VARIABLE} to the endpoint's secret, or name a file by --secret-file.")
    for one in secrets:
        try:
            secret_bytes(one)
        except Invalid as error:
            raise VaultError(str(error)) from None
    return secrets


@dataclass(kw_only=True)
class EventLog:
    """What has arrived: the last ids, and the highest number of each account."""

    secrets: Sequence[str]
    _ids: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _last: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Return the status to answer with, and the line to print."""
        try:
            verify(self.secrets, headers=headers, body=body, received_at=datetime.now(UTC))
        except NotAuthentic as error:
            return 401, f"refused   {_WHY.get(error.failed, _WHY['signature'])}"
        try:
            event = json.loads(body)
            described = "  ".join(_described(event))
            if event.get("sequence") is None:
                # Such as a test, or a callback of requests.
                return 200, f"{'-':>9}   {described}"
            number = int(event["sequence"])
            account, event_id = str(event["data"]["account"]), str(event["id"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return 200, f"{'-':>9}   {_shown(body)}"
        with self._lock:
            return 200, f"{number:>9}   {described}{self._remark(account, event_id, number)}"

    def _remark(self, account: str, event_id: str, number: int) -> str:
        if event_id in self._ids:
            return "  again"
        self._ids[event_id] = None
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)
        last = self._last.setdefault(account, number)
        self._last[account] = max(last, number)
        if number > last + 1:
            missing = str(last + 1) if number == last + 2 else f"{last + 1} to {number - 1}"
            return f"  missing {missing}"
        return "  late" if number < last else ""


def _described(event: dict[str, Any]) -> Iterator[str]:
    yield f"{_shown(event['type']):<24}"
    yield _shown(event["timestamp"])
    if event.get("superseded"):
        yield "superseded"
    for name, value in event["data"].items():
        yield f"{_shown(name)}={_shown(value)}"


_WHY: Final = {
    "headers": "the headers webhook-id, webhook-timestamp and webhook-signature are not those of a message",
    "clock": "webhook-timestamp is more than five minutes from the time of this machine",
    "signature": "the secret has not signed it",
}


def _shown(value: object) -> str:
    """Return a value that is harmless on a terminal."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(one if one.isprintable() else "?" for one in text[:200])


def _handler(log: EventLog) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if re.fullmatch(r"[0-9]{1,5}", length) is None or int(length) > _MAX_BODY:
                self._answer(
                    413, f"refused   Content-Length does not say that it has at most {_MAX_BODY} bytes"
                )
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(*log.take(headers, self.rfile.read(int(length))))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
            """Print no line for each request: its event has one."""

        def _answer(self, status: int, line: str) -> None:
            typer.echo(line, err=status != 200)  # noqa: PLR2004 - OK
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    return Handler
