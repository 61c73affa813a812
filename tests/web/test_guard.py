"""The outermost layer alone: limits and patience, on an app that only reads."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vault.domain.notices.audio import MAX_UPLOAD
from vault.web.middleware.request_limits import MAX_BODY, RequestLimits

pytestmark = pytest.mark.faults


async def reading(scope, receive, send):
    """Read the whole body and answer with its length, as the app's own handlers would."""
    try:
        body = await Request(scope, receive).body()
        answer = Response(str(len(body)))
    except HTTPException as error:
        answer = Response(status_code=error.status_code, headers=error.headers)
    await answer(scope, receive, send)


async def knock(pieces, *, method="POST", path="/x", headers=(), query=b"", patience=0.05):
    """Send a body in pieces; None is a silence that lasts. Return status, pieces taken, headers."""
    taken, sent = [], []

    async def receive():
        if len(taken) == len(pieces) or pieces[len(taken)] is None:
            await asyncio.Event().wait()
        piece = pieces[len(taken)]
        taken.append(piece)
        return {"type": "http.request", "body": piece, "more_body": len(taken) < len(pieces)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": list(headers)}
    await asyncio.wait_for(RequestLimits(reading, secure=True, patience=patience)(scope, receive, send), 5)
    return sent[0]["status"], len(taken), dict(sent[0]["headers"])


async def test_a_sender_that_falls_silent_is_given_up():
    """After the patience, 408 and a closed connection; also for a recording."""
    for path, method in (("/x", "POST"), ("/v1/accounts/a/calls/c/recordings/r", "PUT")):
        status, taken, headers = await knock([b"a", None], method=method, path=path)
        assert (status, taken, headers[b"connection"]) == (408, 1, b"close")


async def test_a_body_is_not_read_past_its_limit():
    """The piece that goes over is the last that is taken; a declared length is believed without reading."""
    piece = b"x" * (MAX_BODY // 2)
    assert (await knock([piece, piece]))[:2] == (200, 2)
    assert (await knock([piece, piece, b"x", b"y", b"z"]))[:2] == (413, 3)
    declared = [(b"content-length", str(MAX_BODY + 1).encode())]
    assert (await knock([piece], headers=declared))[:2] == (413, 0)


async def test_a_recording_has_its_own_limit():
    """Only the one door for recordings, and only by PUT."""
    piece, door = b"x" * MAX_BODY, "/v1/accounts/a/calls/c/recordings/r"
    assert (await knock([piece, piece], method="PUT", path=door))[0] == 200
    for method, path in [("POST", door), ("PUT", "/v1/accounts/recordings/calls/c"), ("PUT", door + "/more"),
                         ("PUT", "/v1/accounts/a/calls/recordings/recordings")]:  # fmt: skip
        assert (await knock([piece, piece], method=method, path=path))[0] == 413, path


async def test_the_audio_of_a_notice_has_its_own_limit():
    """5 MiB by PUT at that one door; beside it a body is as small as elsewhere."""
    piece, door = b"x" * (MAX_UPLOAD // 2), "/v1/accounts/a/notices/n/audio"
    assert (await knock([piece, piece], method="PUT", path=door))[:2] == (200, 2)
    assert (await knock([piece, piece, b"x", b"y"], method="PUT", path=door))[:2] == (413, 3)
    declared = [(b"content-length", str(MAX_UPLOAD + 1).encode())]
    assert (await knock([piece], method="PUT", path=door, headers=declared))[:2] == (413, 0)
    for method, path in [("POST", door), ("PUT", "/v1/accounts/a/notices/n"), ("PUT", door + "/more"),
                         ("PUT", "/v1/accounts/a/notices/audio")]:  # fmt: skip
        assert (await knock([piece], method=method, path=path))[0] == 413, path


@pytest.mark.parametrize(("path", "query"), [("/a\0b", b""), ("/a", b"x=%00")])
async def test_a_nul_is_400(path: str, query: bytes):
    """No name has it, and PostgreSQL takes it in no text."""
    assert (await knock([b""], path=path, query=query))[0] == 400


async def test_every_answer_has_the_headers():
    """Also those that the guard gives itself."""
    for pieces, path in (([b""], "/x"), ([b""], "/\0")):
        headers = (await knock(pieces, path=path))[2]
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"
        assert headers[b"strict-transport-security"].startswith(b"max-age=")
