"""Errors as RFC 9457 problem documents: the only mapping from the vault's errors to HTTP status codes."""

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
from vault.web.http.field_messages import field_message
from vault.web.http.problem_types import document_of
from vault.web.http.routing import Methods

_LOG = Log(__name__)

#: The most specific class applies.
STATUS: Mapping[type[errors.VaultError], int] = {
    errors.NotFound: 404,
    errors.AccountMoved: 421,
    errors.RecordingErased: 410,
    errors.Invalid: 422,
    errors.Refused: 409,
    errors.Busy: 409,
    errors.Held: 409,
    errors.AccountClosed: 409,
    errors.Conflicting: 409,
    errors.ApprovalNeeded: 409,
    errors.EffectChanged: 409,
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
    errors.ObjectLocked: 503,
    errors.RecordingMissing: 503,
    errors.DatabaseUnfit: 503,
    errors.OwnKeyUnusable: 503,
    errors.KeyRetired: 503,
    errors.StartRefused: 500,
    errors.VaultError: 500,
}
#: Of an address that the vault does not have.
PATH_NOT_FOUND = (
    "Not found. All paths are in openapi.yaml and at /reference; the console is at /console. "
    "A slash within a name in a path is written %2F."
)
_NOT_JSON = "Send the body as JSON, with the header Content-Type: application/json."
#: Max wrong fields named in ``detail``.
_MAX_NAMED_FIELDS = 5
#: Detail of every internal error: it reveals nothing to an attacker.
_INTERNAL_ERROR = (
    "Internal error. It is in the server's log. Check what was done before you repeat the request."
)


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """Return a problem document."""
    body = document_of(status, detail) | {name: value for name, value in more.items() if value is not None}
    return Response(
        json.dumps(body),
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def status_of(error: Exception) -> int:
    """Return the status with which an error is answered."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def of_error(error: errors.VaultError) -> Response:
    """Return the problem document of a vault error."""
    status = status_of(error)
    if isinstance(error, errors.Unavailable):
        metrics.UNAVAILABLE.labels(error.cause).inc()
    if status == 500:  # noqa: PLR2004 - the status itself
        _LOG.error("web.failed", error=type(error).__name__)
        return problem(status, _INTERNAL_ERROR)
    headers: dict[str, str] = {}
    more = _details(error)
    if isinstance(error, (errors.Unavailable, errors.Busy, errors.TooMany)):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.TooMany):
        more["limit"] = error.limit
    if isinstance(error, errors.NotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    if isinstance(error, errors.NotAuthentic):
        headers["WWW-Authenticate"] = 'Bearer realm="callvault"'
    return problem(status, str(error), headers=headers, **more)


def _details(error: errors.VaultError) -> dict[str, object]:
    """Return what a program reads of an error besides its status."""
    more: dict[str, object] = {"field": error.field}
    if isinstance(error, (errors.Refused, errors.RecordingMissing, errors.NotFound)):
        more["reasons"] = list(error.reasons) or None
    if isinstance(error, errors.AccountMoved):
        more["address"] = error.address
    if isinstance(error, errors.Held):
        more["holds"] = list(error.holds)
    if isinstance(error, errors.Conflicting):
        more["conflicts"] = [{"minimum_of": least, "maximum_of": most} for least, most in error.pairs]
    return more


#: Answers an error of HTTP, such as that of an unknown path, with the methods that the path allows.
OfHttp = Callable[[HTTPException, Sequence[str]], Response]


def install(app: FastAPI, methods: Methods, others: Mapping[str, OfHttp] | None = None) -> None:
    """Make every error of the app a problem document. ``methods`` are the methods of all its routes.

    ``others``: by the beginning of paths, what answers errors of HTTP in another form.
    """

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this alone
        path: str = request.scope["path"]
        answer = next((one for prefix, one in (others or {}).items() if path.startswith(prefix)), _of_http)
        return answer(error, methods.allowed(request.scope))

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for this alone
        return _not_json(request, error) or _not_valid(error)

    app.add_exception_handler(errors.VaultError, _handler(of_error))
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(ClientDisconnect, _handler(_client_disconnected))
    app.add_exception_handler(Exception, _handler(_unexpected))


def _handler(answer: Callable[[Any], Response]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_request: Request, error: Exception) -> Response:
        return answer(error)

    return handle


def _not_json(request: Request, error: RequestValidationError) -> Response | None:
    """Return a 415 for a body that was not read as JSON, because its type does not say so; else None."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if is_json or not isinstance(error.body, bytes | str) or not error.body:
        return None
    if all(tuple(item["loc"]) != ("body",) for item in error.errors()):
        return None
    return problem(415, _NOT_JSON)


def _not_valid(error: RequestValidationError) -> Response:
    """Return a 422 that names the wrong fields and never repeats their values."""
    wrong = [_field_error(item) for item in error.errors()]
    named = [f"{item['field'] or 'body'}: {item['message']}" for item in wrong]
    more = f"; and {len(named) - _MAX_NAMED_FIELDS} more" if len(named) > _MAX_NAMED_FIELDS else ""
    return problem(422, f"Not valid: {'; '.join(named[:_MAX_NAMED_FIELDS])}{more}.", errors=wrong)


def _field_error(item: Mapping[str, Any]) -> dict[str, str]:
    """Return a wrong field and the reason, without its value."""
    if item["type"] == "json_invalid":
        # The location is a character offset, not a field.
        return {"field": "", "message": f"invalid JSON at character {item['loc'][-1]}"}
    return {"field": _field(item), "message": field_message(item)}


def _field(item: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in item["loc"] if part != "body")


def _of_http(error: HTTPException, allowed: Sequence[str]) -> Response:
    if error.status_code == 405:  # noqa: PLR2004 - the status itself
        # The framework lists only the methods of the first matching route, and a path may have several routes.
        named = ", ".join(allowed)
        detail = f"Method not allowed. This path allows {named}."
        return problem(405, detail, headers={"Allow": named})
    detail = PATH_NOT_FOUND if error.status_code == 404 else str(error.detail)  # noqa: PLR2004 - see above
    return problem(error.status_code, detail, headers=error.headers)


def _client_disconnected(_error: ClientDisconnect) -> Response:
    """Return a response that is never sent: the client disconnected while sending its body."""
    return Response(status_code=400)


def _unexpected(_error: Exception) -> Response:
    return problem(500, _INTERNAL_ERROR)
