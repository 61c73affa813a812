"""Webhooks of telephony platforms: the raw bytes are stored in a durable row before the 2xx."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from vault import metrics
from vault.domain.calls.call import Direction
from vault.domain.calls.provider_api import Delivery
from vault.services.consent.call_documents import Stage
from vault.web.contract.descriptions import CALL_DOCUMENT, CALL_STEP, WEBHOOK
from vault.web.http.auth import TheVault
from vault.web.schemas.calls.webhook_events import ReceiptOut

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
#: 202: the delivery is durable; its processing follows.
_STATUS = {"accepted": 202}


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
    delivery = await _delivery(request)
    begun = time.perf_counter()
    receipt = await vault.ingest.webhooks.receive(provider, connection, delivery)
    # The signature was valid, so the provider name is a known one.
    metrics.ACKS.labels(provider).observe(time.perf_counter() - begun)
    body = {"status": receipt.status, "recording": receipt.recording_id, "detail": receipt.detail}
    told = {name: value for name, value in body.items() if value}
    return JSONResponse(told, status_code=_STATUS.get(receipt.status, 200))


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
    delivery, query = await _delivery(request), request.query_params
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
    return Response(document.body, media_type=document.media_type)


async def _delivery(request: Request) -> Delivery:
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query = f"?{request.url.query}" if request.url.query else ""
    return Delivery(
        method=request.method,
        url=f"{request.app.state.hosting.public_url}{request.url.path}{query}",
        headers=headers,
        body=await request.body(),
        received_at=request.app.state.clock(),
    )
