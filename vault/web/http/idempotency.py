"""JSON responses, and POST requests that run once for each Idempotency-Key."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from pydantic import BaseModel

from vault.domain.accounts.account import AnswerSubject
from vault.web.http.auth import Access, Caller, vault_of


def answer_json(
    body: BaseModel | bytes,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    exclude_none: bool = False,
) -> Response:
    """Return a model as a JSON response, with the contract's field names; bytes must be JSON already.

    For routes that choose their status or headers; other routes return the model itself.
    """
    text = body if isinstance(body, bytes) else _json(body, exclude_none=exclude_none)
    return Response(text, status_code=status, headers=headers, media_type="application/json")


async def answer_once(
    request: Request,
    allowed: Access | Caller,
    produce: Callable[[], Awaitable[BaseModel]],
    *,
    status: int = 201,
    exclude_none: bool = True,
) -> Response:
    """Return the result of ``produce`` as JSON, or the stored response if this idempotency key was used before.

    The stored one is erased together with the recording or the call in the path, and with the account.
    """
    caller = allowed.caller if isinstance(allowed, Access) else allowed

    async def answer() -> tuple[int, bytes]:
        return status, _json(await produce(), exclude_none=exclude_none)

    key = request.headers.get("idempotency-key")
    if key is None:
        status, body = await answer()
    else:
        sent = request.method.encode() + b" " + request.url.path.encode() + b"\n" + await request.body()
        status, body = await vault_of(request).accounts.idempotency.run(
            key_id=caller.key.id,
            bearer=caller.bearer,
            idempotency_key=key,
            request=sent,
            answer=answer,
            subject=_subject(request, allowed),
        )
    return answer_json(body, status=status)


def _subject(request: Request, allowed: Access | Caller) -> AnswerSubject | None:
    if isinstance(allowed, Caller):
        return None
    named = request.path_params
    return AnswerSubject(
        account_id=allowed.account.id, recording_id=named.get("recording"), call_ref=named.get("call_ref")
    )


def _json(body: BaseModel, *, exclude_none: bool) -> bytes:
    return body.model_dump_json(by_alias=True, exclude_none=exclude_none).encode()
