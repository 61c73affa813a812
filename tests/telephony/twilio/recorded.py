"""Twilio's payloads, and what the tests of its adapter have in common."""

from datetime import UTC, datetime
from pathlib import Path

from tests.telephony import forms_of
from tests.telephony.replies import content_of
from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery
from vault.ports.telephony import Provider
from vault.telephony.providers.twilio.adapter import Twilio

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 24, 18, 16, 5, tzinfo=UTC)
PROVIDER: Provider = Twilio()
ACCOUNT = "AC" + "0123456789abcdef" * 2
CALL, RECORDING = "CA" + "00ff" * 8, "RE" + "a1b2" * 8
CREDENTIALS = {"account_sid": ACCOUNT, "auth_token": "12345"}
SHARED = CREDENTIALS | {"shared_key_id": "webhooks_sharedkey_1", "shared_key": "s3cret-made-up"}
#: Base64 of the sid, a colon and the token.
BASIC = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjoxMjM0NQ=="
ACCESS = Access(credentials=CREDENTIALS, api_base=None, now=NOW)
ELSEWHERE = Access(credentials=CREDENTIALS, api_base="http://127.0.0.1:9999/tw/", now=NOW)
URL = "https://vault.example/webhooks/twilio/conn_1"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}"
API = f"https://api.twilio.com{PATH}"
NAMES = sorted(path.stem for path in (HERE / "payloads").glob("*.form"))
READY = Announcement(
    recording_ref=RECORDING, url=API, source_ref=RECORDING, kind="call", voices=("caller", "callee")
)


def load(name: str) -> dict[str, str]:
    return forms_of.load(HERE, name)


def delivery(form: object, headers: dict[str, str] | None = None, *, url: str = URL) -> Delivery:
    body = form if isinstance(form, bytes) else forms_of.encode(form)
    return Delivery(method="POST", url=url, headers=headers or {}, body=body, received_at=NOW)


def heard(form: object) -> WebhookContent:
    return content_of(PROVIDER, delivery(form))


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-24T{clock}+00:00")
