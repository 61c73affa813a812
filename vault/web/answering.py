"""Answers to POST requests, once for each Idempotency-Key."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from pydantic import BaseModel

from vault.web.authority import Caller, vault_of


async def answer_once(
    request: Request, caller: Caller, produce: Callable[[], Awaitable[BaseModel]], *, status: int = 201
) -> Response:
    """Return what ``produce`` returns as JSON, or what it returned the first time for this key."""

    async def answer() -> tuple[int, bytes]:
        return status, (await produce()).model_dump_json(by_alias=True, exclude_none=True).encode()

    key = request.headers.get("idempotency-key")
    if key is None:
        status, body = await answer()
    else:
        sent = request.method.encode() + b" " + request.url.path.encode() + b"\n" + await request.body()
        status, body = await vault_of(request).answer_once(
            key_id=caller.key.id, bearer=caller.bearer, idempotency_key=key, request=sent, answer=answer
        )
    return Response(body, status_code=status, media_type="application/json")
