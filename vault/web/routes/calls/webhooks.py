"""Webhooks of telephony platforms: the raw bytes are stored in a durable row before the 2xx."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from vault import metrics
from vault.domain.calls.call import Direction
from vault.domain.calls.provider_api import Delivery
from vault.errors import NotAuthentic, NotFound
from vault.services.consent.call_documents import Stage
from vault.services.ingest.delivery_log import Answer
from vault.services.service import Vault
from vault.web.contract.descriptions import CALL_DOCUMENT, CALL_STEP, WEBHOOK
from vault.web.http.auth import TheVault
from vault.web.http.cell_labels import sent_path
from vault.web.http.problems import status_of
from vault.web.schemas.calls.webhook_events import ReceiptOut

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
#: 202: the delivery is durable; its processing follows.
_STATUS = {"accepted": 202}
#: Its detail is in the server's log alone.
_INTERNAL: Final = 500


@router.get("/{provider}/{connection}", status_code=202, include_in_schema=False)
@router.post(
    "/{provider}/{connection}",
    status_code=202,
    response_model=ReceiptOut,
    responses={200: {"model": ReceiptOut}},
    openapi_extra=WEBHOOK,
)
async def post_webhook(
    request: Request,
    vault: TheVault,
    provider: Annotated[str, Path(max_length=64)],
    connection: Annotated[str, Path(max_length=64)],
) -> Response:
    """Receive a webhook. Its signature is verified over the raw bytes before they are parsed.

    Some platforms can be configured to deliver by GET, which the signature makes safe.
    """

    async def answer(delivery: Delivery) -> tuple[Response, Answer]:
        begun = time.perf_counter()
        receipt = await vault.ingest.webhooks.receive(provider, connection, delivery)
        # The signature was valid, so the provider name is a known one.
        metrics.ACKS.labels(provider).observe(time.perf_counter() - begun)
        body = {"status": receipt.status, "recording": receipt.recording_id, "detail": receipt.detail}
        told = {name: value for name, value in body.items() if value}
        status = _STATUS.get(receipt.status, 200)
        noted = Answer(
            status=status,
            outcome=receipt.status,
            reason=receipt.reason,
            detail=receipt.detail,
            recording_id=receipt.recording_id,
        )
        return JSONResponse(told, status_code=status), noted

    return await _noted(request, vault, provider, connection, answer)


@router.get("/{provider}/{connection}/{stage}", response_class=Response, include_in_schema=False)
@router.post(
    "/{provider}/{connection}/{stage}",
    response_class=Response,
    responses={200: CALL_DOCUMENT},
    openapi_extra=CALL_STEP,
)
async def post_call_step(  # noqa: PLR0917 - what an address says
    request: Request,
    vault: TheVault,
    provider: Annotated[str, Path(max_length=64)],
    connection: Annotated[str, Path(max_length=64)],
    stage: Stage,
    direction: Annotated[
        Direction | None,
        Query(description="That of the calls which ask here, for platforms that do not report it."),
    ] = None,
) -> Response:
    """Return call instructions in the platform's format (TwiML, TeXML, NCCO, Plivo XML).

    Stages: ``call`` is the start, ``heard`` means that the notice was played to its end, ``key`` that a key was
    pressed. ``direction`` is that of the calls that ask at this address, for platforms that do not report it.
    """
    query = request.query_params

    async def answer(delivery: Delivery) -> tuple[Response, Answer]:
        begun = time.perf_counter()
        document = await vault.consent.call_documents.build(
            stage,
            provider,
            connection,
            delivery,
            running=query.get("running") == "1",
            handed=query.get("notice"),
            direction=direction,
        )
        metrics.ACKS.labels(provider).observe(time.perf_counter() - begun)
        return Response(document.body, media_type=document.media_type), Answer(
            status=200, outcome="answered", event=stage
        )

    return await _noted(request, vault, provider, connection, answer, event=stage)


async def _noted(
    request: Request,
    vault: Vault,
    provider: str,
    connection: str,
    answer: Callable[[Delivery], Awaitable[tuple[Response, Answer]]],
    *,
    event: str | None = None,
) -> Response:
    """Answer a request, and note the answer in the delivery log of its connection, whatever it is."""
    delivery = None
    try:
        delivery = await vault.node.old_addresses.as_called(connection, await _delivery(request))
        response, noted = await answer(delivery)
    except ClientDisconnect:
        # There is no answer.
        raise
    except Exception as error:
        if delivery is not None and isinstance(error, (NotAuthentic, NotFound)):
            passed = await vault.node.old_addresses.pass_on(connection, request.url.path, delivery)
            if passed is not None:
                # The vault where the account is notes it.
                return Response(passed.body, passed.status, media_type=passed.headers.get("content-type"))
        status = status_of(error)
        detail = error.detail if isinstance(error, HTTPException) else str(error)
        await vault.ingest.deliveries.note_error(
            provider,
            connection,
            delivery,
            error,
            status=status,
            detail=None if status == _INTERNAL else detail,
            event=event,
        )
        raise
    await vault.ingest.deliveries.note(provider, connection, noted, delivery)
    return response


async def _delivery(request: Request) -> Delivery:
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query = f"?{request.url.query}" if request.url.query else ""
    return Delivery(
        method=request.method,
        url=f"{request.app.state.hosting.public_url}{sent_path(request)}{query}",
        headers=headers,
        body=await request.body(),
        received_at=request.app.state.clock(),
    )
