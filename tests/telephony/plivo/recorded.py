"""Plivo's payloads and signatures, and what the tests of its adapter have in common."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from plivo.utils import signature_v3

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery
from vault.ports.telephony import Provider
from vault.telephony.providers.plivo.adapter import Plivo

HERE = Path(__file__).parent
PROVIDER: Provider = Plivo()
NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
TOKEN, OTHER_TOKEN = "made-up-token-0123456789", "made-up-token-9876543210"
ACCOUNT = "MAXXXXXXXXXXXXXXXXXX"
CREDENTIALS = {"auth_id": ACCOUNT, "auth_token": TOKEN}
OTHERS = {"auth_id": ACCOUNT, "auth_token": OTHER_TOKEN}
ACCESS = Access(credentials=CREDENTIALS, api_base=None, now=NOW)
ELSEWHERE = Access(credentials=CREDENTIALS, api_base="http://127.0.0.1:9999/plivo", now=NOW)
URL = "https://vault.example/webhooks/plivo/c"
CALL = "66666666-7777-8888-9999-000000000000"
RECORDING = "11111111-2222-3333-4444-555555555555"
ANNOUNCED = Announcement(
    recording_ref=RECORDING,
    url=f"https://media.plivo.com/v1/Account/{ACCOUNT}/Recording/{RECORDING}.wav",
    source_ref=RECORDING,
)

Params = dict[str, str | list[str]]


def load(name: str) -> str:
    """Return a form as it was sent."""
    return (HERE / "payloads" / f"{name}.txt").read_text()


def rest(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((HERE / "payloads" / f"{name}.json").read_text())
    return made


def changed(name: str, **changes: str | None) -> str:
    """Return a form with some fields changed, or absent where None."""
    fields: dict[str, str | None] = {**dict(parse_qsl(load(name), keep_blank_values=True)), **changes}
    return urlencode({key: value for key, value in fields.items() if value is not None})


def signature(method: str, url: str, params: Params, nonce: str, *, token: str = TOKEN) -> str:
    """Return what the vendor's SDK makes of a request; ``params`` are those of the body."""
    make = signature_v3.construct_get_url if method == "GET" else signature_v3.construct_post_url
    base = make(url, dict(params)).decode()
    return signature_v3.get_signature_v3(token.encode(), base, nonce.encode()).decode()


def proof(given: str, nonce: str = "12345", *, name: str = "x-plivo-signature-v3") -> dict[str, str]:
    return {name: given, "x-plivo-signature-v3-nonce": nonce}


def delivery(
    form: str | bytes, headers: dict[str, str] | None = None, *, method: str = "POST", url: str = URL
) -> Delivery:
    body = form.encode() if isinstance(form, str) else form
    return Delivery(method=method, url=url, headers=headers or {}, body=body, received_at=NOW)


def heard(form: str | bytes) -> WebhookContent | None:
    return PROVIDER.understand(delivery(form))
