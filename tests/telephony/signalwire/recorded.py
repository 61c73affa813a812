"""SignalWire's payloads, and what the tests of its adapter have in common."""

from datetime import UTC, datetime
from pathlib import Path

from tests.telephony import forms_of
from tests.telephony.replies import content_of
from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery
from vault.ports.telephony import Provider
from vault.telephony.providers.signalwire.adapter import SignalWire

HERE = Path(__file__).parent
NOW = datetime(2023, 11, 9, 17, 5, 10, tzinfo=UTC)
PROVIDER: Provider = SignalWire()
PROJECT = "b3877c40-da60-4998-90ad-b792e98472af"
CALL = "6c4b2b5a-7f3e-4f0a-9f52-5d4a3f6f1c11"
RECORDING = "d411976d-d319-4fbd-923c-57c62b6f677a"
CREDENTIALS = {
    "signing_key": "PSK_made-up",
    "project_id": PROJECT,
    "api_token": "PT-made-up",
    "space": "example",
}
#: Base64 of the project, a colon and the token.
BASIC = "Basic YjM4NzdjNDAtZGE2MC00OTk4LTkwYWQtYjc5MmU5ODQ3MmFmOlBULW1hZGUtdXA="
ACCESS = Access(credentials=CREDENTIALS, api_base=None, now=NOW)
ELSEWHERE = Access(credentials=CREDENTIALS, api_base="http://127.0.0.1:9999", now=NOW)
URL = "https://vault.example/webhooks/signalwire/conn_1"
LIST = f"/api/laml/2010-04-01/Accounts/{PROJECT}/Recordings"
PATH = f"{LIST}/{RECORDING}"
API = f"https://example.signalwire.com{PATH}"
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
    return datetime.fromisoformat(f"2023-11-09T{clock}+00:00")
