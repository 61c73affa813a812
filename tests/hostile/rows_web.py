"""Rows of the table: what callers and browsers send to ``vault/web`` and to the server before it."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import uvicorn
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from uvicorn.server import ServerState

from tests.hostile.parsers import KIB, Row, latin, text
from tests.hostile.shapes import FORM, JSON, TEXT, Shape, repeated, within
from vault.domain.playback.link import _in_networks
from vault.domain.playback.link_key import read_public_key
from vault.domain.playback.own_token import TokenKey, is_opaque
from vault.domain.playback.signed_token import BadToken, SignedText, read_claims, read_form
from vault.domain.playback.signed_token import _networks as _networks_of
from vault.domain.playback.signed_token import _recording as _recording_of
from vault.errors import Invalid, VaultError
from vault.server.http_limits import LimitedHttpProtocol
from vault.services.accounts.api_keys import split_key
from vault.services.playback.doorways import door_from
from vault.services.playback.link_request import LinkRequest
from vault.services.playback.links import _check as check_link
from vault.services.shared.check_receiver import check_url
from vault.tlog.note import Signer
from vault.web.app import Hosting
from vault.web.audio.response import parse_range
from vault.web.console.audit_log.log import _verify as verify_what_was_sent
from vault.web.console.forms import read_form as read_console_form
from vault.web.console.multipart import read_multipart
from vault.web.console.sign_in.sign_in import return_path
from vault.web.console.words import moment_text, period_text
from vault.web.http import problems
from vault.web.http.client_address import _table_key, client_address
from vault.web.http.cookies import read_cookie, set_aside
from vault.web.http.languages import preferred_language
from vault.web.http.pagination import read_change_place, read_cursor
from vault.web.http.routing import mark_slashes
from vault.web.middleware.request_limits import _refusal
from vault.web.player.doorways import _token_of
from vault.web.player.forms import field_in
from vault.web.routes.approvals.gated import reason_words
from vault.web.routes.calls.webhooks import _delivery
from vault.web.schemas.base import Body

_HOSTING = Hosting(public_url="https://vault.example", trusted_proxies=(ip_network("10.0.0.0/8"),))
_APP = SimpleNamespace(state=SimpleNamespace(hosting=_HOSTING, clock=lambda: datetime.now(UTC)))


def _request(name: str, value: str, **more: object) -> Request:
    headers = [(name.encode(), value.encode("latin-1", "replace"))]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "app": _APP,
    }
    return Request(scope | {"client": ("10.0.0.1", 1), "server": ("vault", 80), "scheme": "http"} | more)


def _cookie(value: str) -> None:
    request = _request("cookie", value)
    set_aside(request.scope)
    read_cookie(request, "a")


def _address(value: str) -> None:
    found = client_address(_request("x-forwarded-for", value))
    _in_networks(["192.0.2.0/24"], found)
    _table_key(found or "::1")


_WISH = LinkRequest(listener="a", kind="player", life=timedelta(hours=1), sessions=1)


def _networks(value: str) -> None:
    """Check the networks of a link: the text as one, and what its commas part as many."""
    for networks in ([value], value.split(",")):
        try:
            check_link(replace(_WISH, networks=networks))
        except Invalid:
            continue


_LOG_KEY = Signer(name="vault.example/access-log", secret=bytes(range(32))).verifier.write()
_HEADER = b64encode(b'{"alg":"Ed25519","kid":"lkey_%s"}' % (b"0" * 32)).rstrip(b"=")
_TOKEN_KEY = TokenKey(b"key")
_PEM = b"-----BEGIN PUBLIC KEY-----\n"


def _token(value: str) -> None:
    _TOKEN_KEY.made(value)
    is_opaque(value)
    read_form(value)


def _claims(data: bytes) -> None:
    """Read claims; a real payload is part of a token of at most 1024 characters."""
    text = SignedText(
        key_id="lkey_1", algorithm="Ed25519", signed=b"", payload=data, signature=b"", digest=b""
    )
    read_claims(text, audiences=["https://vault.example"], now=datetime.now(UTC))


def _reference(value: str) -> None:
    """Read two claims that are texts with a form of their own."""
    with suppress(BadToken):
        _networks_of({"net": [value]})
    _recording_of({"ref": value})


def _link_key(value: str) -> None:
    read_public_key(value, "Ed25519")


def _path(value: str) -> None:
    mark_slashes({"raw_path": value.encode("latin-1", "replace")})
    for method in ("PUT", "GET"):
        scope = {"type": "http", "method": method, "path": value, "query_string": b"", "headers": []}
        _refusal(scope)
    _refusal(scope | {"headers": [(b"content-length", value.encode("latin-1", "replace"))]})


def _headers(value: str) -> None:
    """Give a webhook one header as often as a head may have fields, which are joined into one."""
    fields = [(b"x", value[at::200].encode("latin-1")) for at in range(200)]

    async def body() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    request = Request(_request("a", "").scope | {"headers": fields}, body)
    run = _delivery(request)
    try:
        run.send(None)
    except StopIteration:
        return


def _form(data: bytes) -> None:
    """Read a form of the console, as its routes do."""
    request = _request("content-type", "application/x-www-form-urlencoded")
    request._body = data
    run = read_console_form(request)
    with suppress(StopIteration):
        run.send(None)


def _proof(data: bytes) -> None:
    """Verify what was pasted on the console's page of the log: as a file, and as a leaf."""
    for fields in ({"file": data}, {"leaf": data}):
        with suppress(VaultError):
            verify_what_was_sent(fields, _LOG_KEY)


def _models() -> Iterator[type[Body]]:
    waiting = [Body]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            yield kind


def _body(data: bytes) -> None:
    """Validate as FastAPI does: the text as each field, and what it is as JSON; and name what is wrong."""
    given = data.decode("utf-8", "replace")
    try:
        parsed = json.loads(given)
    except (ValueError, RecursionError):
        parsed = {}
    for kind in _models():
        everywhere = {field.alias or name: given for name, field in kind.model_fields.items()}
        lists = {name: [given] for name in everywhere}
        for body in (parsed, everywhere, lists):
            try:
                TypeAdapter(kind).validate_python(body)
            except ValidationError as error:
                problems._not_valid(RequestValidationError(error.errors(include_url=False)))


class _Transport:
    """A connection that swallows what is written."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_args, **_more: None


async def _app(_scope: Any, _receive: Any, _send: Any) -> None:
    return


_CONFIG = uvicorn.Config(_app, http=LimitedHttpProtocol, log_config=None, lifespan="off")
_CONFIG.load()


def _served(size_of_piece: int, data: bytes) -> None:
    """Feed the server's protocol, in pieces as small as a sender likes."""

    async def serve() -> None:
        protocol = LimitedHttpProtocol(config=_CONFIG, server_state=ServerState(), app_state={})
        protocol.connection_made(_Transport())  # type: ignore[arg-type]
        for at in range(0, len(data), size_of_piece):
            protocol.data_received(data[at : at + size_of_piece])
            if at % (64 * size_of_piece) == 0:
                # Pieces come in steps of their own, and tests/loop_watchdog.py looks at each step.
                await asyncio.sleep(0)
        protocol._stop_timeout()

    asyncio.run(serve())


_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_HEADS: dict[str, Shape] = within(_HEAD, {
    "one field": repeated(b"y", b"X: "), "fields": repeated(b"X: y\r\n"), "name": repeated(b"X"),
}) | within(_CHUNKED, {"chunks": repeated(b"1\r\ny\r\n"), "extension": repeated(b"y", b"1;")}) | {
    "path": repeated(b"a", b"GET /"), "requests": repeated(b"GET / HTTP/1.1\r\n\r\n"), "line feeds": repeated(b"\r\n"),
}  # fmt: skip

ROWS = [
    Row(name="head", parse=partial(_served, 64 * KIB), shapes=_HEADS),
    Row(name="head in pieces", parse=partial(_served, 16), shapes=_HEADS, limit=24 * KIB),
    Row(name="cookie", parse=latin(_cookie), shapes=TEXT | {
        "quotes": repeated(b"\\", b'a="'), "pairs": repeated(b"a=b;"), "octal": repeated(b"\\1", b'a="'),
    }),
    Row(name="forwarded for", parse=latin(_address), shapes=TEXT | {"hops": repeated(b"10.0.0.1,")}),
    Row(name="languages", parse=latin(preferred_language), shapes=TEXT | {
        "ranges": repeated(b"it;q=0.1,"), "weights": repeated(b"9", b"fr;q=0."), "parameters": repeated(b";", b"fr"),
    }),
    Row(name="link networks", parse=text(_networks), shapes=TEXT | {"many": repeated(b"10.0.0.0/8,")}),
    Row(name="link token", parse=text(_token), shapes=TEXT | {
        "dots": repeated(b"."), "parts": repeated(b"eyJ9.e30."), "nested": repeated(b"W", _HEADER + b"."),
        "three": repeated(b"A", b"AAAA.AAAA."),
    }),
    Row(name="link claims", parse=_claims, shapes=JSON | TEXT, limit=KIB),
    Row(name="link reference", parse=text(_reference), shapes=TEXT | {"percents": repeated(b"%41", b"a/")}, limit=KIB),
    Row(name="link key", parse=text(_link_key), shapes=TEXT | {
        "lines": repeated(b"A\n", _PEM), "letters": repeated(b"A", _PEM),
    }, limit=KIB),
    Row(name="range", parse=latin(partial(parse_range, size=1000)), shapes=TEXT | within(b"bytes=", TEXT)),
    Row(name="cursor", parse=text(read_cursor), shapes=TEXT),
    Row(name="place among changes", parse=text(read_change_place), shapes=TEXT),
    Row(name="api key", parse=latin(split_key), shapes=TEXT | within(b"cv_", TEXT)),
    Row(name="path", parse=latin(_path), shapes=TEXT | within(b"/v1/accounts/", {
        **TEXT, "escaped slashes": repeated(b"%2f"), "half of an escape": repeated(b"%2"),
    })),
    Row(name="webhook headers", parse=latin(_headers), shapes={"letters": TEXT["letters"]}),
    Row(name="link form", parse=partial(field_in, name="nonce"), shapes=FORM | TEXT),
    Row(name="form with a file", parse=partial(read_multipart, "multipart/form-data; boundary=B"), shapes=TEXT | {
        "fields": repeated(b'\r\n--B\r\n; name="a"\r\n\r\n', b"--B\r\n"), "dashes": repeated(b"\r\n--", b"--B"),
    }),
    Row(name="boundary", parse=latin(partial(read_multipart, body=b"")), shapes=TEXT | within(
        b"multipart/form-data; boundary=", TEXT,
    )),
    Row(name="period in words", parse=text(period_text), shapes=TEXT | {"digits": repeated(b"1")}),
    Row(name="console form", parse=_form, shapes=FORM | TEXT),
    Row(name="pasted proof", parse=_proof, shapes=JSON | TEXT),
    Row(name="id of a doorway", parse=text(partial(door_from, TokenKey(b"k" * 32))), shapes=TEXT),
    Row(name="link of a doorway", parse=text(_token_of), shapes=FORM | TEXT | within(b"link=", TEXT)),
    Row(name="receiver's URL", parse=text(check_url), shapes=TEXT | within(b"https://", TEXT)),
    Row(name="way back", parse=text(return_path), shapes=TEXT | within(b"/console/", {"percents": repeated(b"%2e")})),
    Row(name="reason of an approval", parse=latin(reason_words), shapes=TEXT | {"percents": repeated(b"%41")}),
    Row(name="local moment", parse=text(moment_text), shapes=TEXT | within(b"2026-01-01T00:00", TEXT)),
    Row(name="body", parse=_body, shapes=JSON | TEXT, limit=8 * KIB),
]  # fmt: skip
