"""Aircall's payloads, and what the tests of its adapter have in common."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.telephony.malformed import payload
from tests.telephony.replies import content_of
from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery
from vault.ports.telephony import Provider
from vault.telephony.providers.aircall.adapter import Aircall

HERE = Path(__file__).parent
NOW = datetime(2022, 3, 4, 10, 30, tzinfo=UTC)
PROVIDER: Provider = Aircall()
TOKEN = "58ffd2bc0123456789abcdef01234567"
CREDENTIALS = {"token": TOKEN, "api_id": "made-up-id", "api_token": "made-up-token"}
BASIC = "Basic " + base64.b64encode(b"made-up-id:made-up-token").decode()
ACCESS = Access(credentials=CREDENTIALS, api_base=None, now=NOW)
ELSEWHERE = Access(credentials=CREDENTIALS, api_base="http://127.0.0.1:9999/aircall", now=NOW)
RECORDED = Announcement(recording_ref="812345678/recording", url=None, source_ref="812345678/recording")
NAMES = sorted(path.stem for path in (HERE / "payloads").glob("call_*.json"))


def load(name: str) -> dict[str, Any]:
    return payload(HERE, name)


def delivery(event: object, headers: dict[str, str] | None = None) -> Delivery:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    url = "https://vault.example/webhooks/aircall/c"
    return Delivery(method="POST", url=url, headers=headers or {}, body=body, received_at=NOW)


def heard(event: object) -> WebhookContent:
    return content_of(PROVIDER, delivery(event))


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2022-03-04T{clock}+00:00")
