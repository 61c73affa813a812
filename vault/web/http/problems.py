"""Errors as RFC 9457 problems: the only table from the vault's errors to HTTP status codes."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from vault import errors, metrics
from vault.structured_log import Log
from vault.web.http.methods import Methods

_LOG = Log(__name__)

#: The most exact class counts.
STATUS: Mapping[type[errors.VaultError], int] = {
    errors.NotFound: 404,
    errors.RecordingErased: 410,
    errors.Invalid: 422,
    errors.Refused: 409,
    errors.Busy: 409,
    errors.Forbidden: 403,
    errors.NotAuthentic: 401,
    errors.NotSatisfiable: 416,
    errors.TooLarge: 413,
    errors.TooMany: 429,
    errors.Tampered: 500,
    errors.Undecodable: 422,
    errors.DescriberCrashed: 500,
    errors.FetchFailed: 502,
    errors.LeaseLost: 409,
    errors.Unavailable: 503,
    errors.RecordingMissing: 503,
    errors.DatabaseUnfit: 503,
    errors.OwnKeyUnusable: 503,
    errors.KeyRetired: 503,
    errors.StartRefused: 500,
    errors.VaultError: 500,
}
_TITLES = {
    400: "The request cannot be read",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Refused",
    410: "Erased",
    412: "Changed in the meantime",
    413: "Too large",
    415: "Wrong media type",
    416: "Range not satisfiable",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    502: "The provider failed",
    503: "Unavailable",
}
_NO_PATH = (
    "There is no such path. Paths are in openapi.yaml; a name in a path cannot hold a slash, not even as %2F."
)
#: Wrong fields that a sentence names.
_NAMED = 5
#: What a caller hears of an error that is our own fault: nothing that could help an attacker.
_OUR_FAULT = "Something went wrong here. It is in the log, and nothing was changed."


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """Return a problem document."""
    body = {"type": "about:blank", "title": _TITLES.get(status, "Error"), "status": status, "detail": detail}
    body.update({name: value for name, value in more.items() if value is not None})
    return Response(
        json.dumps(body),
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def of_error(error: errors.VaultError) -> Response:
    """Return the problem for one of the vault's own errors."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if isinstance(error, errors.Unavailable):
        metrics.UNAVAILABLE.labels(error.cause).inc()
    if status == 500:  # noqa: PLR2004 - the status itself
        _LOG.error("web.failed", error=type(error).__name__)
        return problem(status, _OUR_FAULT)
    headers: dict[str, str] = {}
    more: dict[str, object] = {}
    if isinstance(error, (errors.Refused, errors.RecordingMissing)):
        more["reasons"] = list(error.reasons) or None
    if isinstance(error, errors.Invalid):
        more["field"] = error.field
    if isinstance(error, (errors.Unavailable, errors.Busy, errors.TooMany)):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.NotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    if isinstance(error, errors.NotAuthentic):
        headers["WWW-Authenticate"] = 'Bearer realm="callvault"'
    return problem(status, str(error), headers=headers, **more)


def install(app: FastAPI, methods: Methods) -> None:
    """Make every error of the app a problem document. ``methods`` are those of all its routes."""

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this alone
        return _of_http(error, methods.allowed(request.scope))

    app.add_exception_handler(errors.VaultError, _handler(of_error))
    app.add_exception_handler(RequestValidationError, _handler(_not_valid))
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(ClientDisconnect, _handler(_gone))
    app.add_exception_handler(Exception, _handler(_unexpected))


def _handler(answer: Callable[[Any], Response]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_request: Request, error: Exception) -> Response:
        return answer(error)

    return handle


def _not_valid(error: RequestValidationError) -> Response:
    """Name the fields that are wrong, and never repeat what was sent."""
    wrong = [_wrong(item) for item in error.errors()]
    named = [f"{item['field'] or 'body'}: {item['message']}" for item in wrong]
    more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return problem(422, f"Not valid: {'; '.join(named[:_NAMED])}{more}.", errors=wrong)


def _wrong(item: Mapping[str, Any]) -> dict[str, str]:
    """Return one wrong field and what is wrong with it, without its value."""
    if item["type"] == "json_invalid":
        # The place is a number of characters, and no field.
        return {
            "field": "",
            "message": f"no JSON from character {item['loc'][-1]} on, {item['ctx']['error']}",
        }
    message = str(item["msg"]).removesuffix(".")
    if item["type"] == "timezone_aware":
        message += ": add Z or an offset, as in 2026-01-31T00:00:00Z"
    return {"field": ".".join(str(part) for part in item["loc"] if part != "body"), "message": message}


def _of_http(error: HTTPException, allowed: Sequence[str]) -> Response:
    if error.status_code == 405:  # noqa: PLR2004 - the status itself
        # The framework names the methods of the first route that fits, and an address may have several.
        named = ", ".join(allowed)
        detail = f"This path does not take this method. It takes {named}."
        return problem(405, detail, headers={"Allow": named})
    detail = _NO_PATH if error.status_code == 404 else str(error.detail)  # noqa: PLR2004 - see above
    return problem(error.status_code, detail, headers=error.headers)


def _gone(_error: ClientDisconnect) -> Response:
    """Answer nobody: the client went away in the middle of its body."""
    return Response(status_code=400)


def _unexpected(_error: Exception) -> Response:
    return problem(500, _OUR_FAULT)
