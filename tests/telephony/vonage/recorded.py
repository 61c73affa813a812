"""Vonage's payloads and tokens, and what the tests of its adapter have in common."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.telephony.malformed import payload
from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access, Delivery
from vault.ports.telephony import Provider
from vault.telephony.providers.vonage.adapter import Vonage

HERE = Path(__file__).parent
PROVIDER: Provider = Vonage()
#: The moment of every test, which no test may compare with the clock on the wall: a suite takes its time.
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)


def pem(key: Any) -> str:
    """Return a private key as the dashboard hands it out."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


SECRET, OTHER_SECRET = "0123456789abcdefghijklmnopqrstuv", "0123456789abcdefghijklmnopqrstuw"
APPLICATION = "12345678-90ab-cdef-1234-567890abcdef"
CREDENTIALS = {"signature_secret": SECRET, "application_id": APPLICATION, "private_key": pem(KEY)}
OTHERS = CREDENTIALS | {"signature_secret": OTHER_SECRET}
ACCESS = Access(credentials=CREDENTIALS, api_base=None, now=NOW)
ELSEWHERE = Access(credentials=CREDENTIALS, api_base="http://127.0.0.1:9999/vonage", now=NOW)
URL = "https://vault.example/webhooks/vonage/c"
CALL = "CON-bbbbbbbb-cccc-dddd-eeee-0123456789ab"
FILE = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
ANNOUNCED = Announcement(
    recording_ref="aaaaaaaa-bbbb-cccc-dddd-0123456789ff",
    url=f"https://api.nexmo.com/v1/files/{FILE}",
    source_ref=FILE,
)


def load(name: str) -> dict[str, Any]:
    return payload(HERE, name)


def query(name: str) -> str:
    return (HERE / "payloads" / f"{name}.txt").read_text()


def claims(body: bytes, **changes: object) -> dict[str, object]:
    """Return the claims of a callback as Vonage makes them, some changed, or absent where None."""
    made = {
        "iat": int(NOW.timestamp()),
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "abcd1234",
        "application_id": APPLICATION,
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def token(
    body: bytes, *, secret: str = SECRET, headers: dict[str, Any] | None = None, **changes: object
) -> str:
    """Return a token that the vendor's own library, PyJWT, made."""
    return jwt.encode(claims(body, **changes), secret, algorithm="HS256", headers=headers)


def delivery(
    said: object,
    authorization: str | None = None,
    *,
    method: str = "POST",
    url: str = URL,
    at: datetime = NOW,
) -> Delivery:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Delivery(
        method=method,
        url=url,
        headers={} if authorization is None else {"authorization": authorization},
        body=body,
        received_at=at,
    )
