"""Callbacks about requests of people, in the format of Standard Webhooks: the body, and its signature.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from vault.backoff import Backoff
from vault.domain.calls.provider_api import RestRequest
from vault.errors import Invalid
from vault.rfc3339 import write_rfc3339

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - not a secret
#: Tries of one delivery, over 20 to 41 hours.
MAX_TRIES: Final = 15
BACKOFF: Final = Backoff(first=timedelta(seconds=5), most=timedelta(hours=6), factor=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where an account wants to receive the changes of its requests."""

    url: str
    #: ``whsec_`` and 32 random bytes in base64.
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDelivery:
    """One event to deliver. It has only ids and codes."""

    #: The id of the access event, which is the delivery's.
    id: str
    account_id: str
    type: str
    request_id: str
    kind: str
    state: str
    at: datetime
    tries: int = 0


def check_url(url: str) -> None:
    """Raise Invalid unless it is an https URL with a host, and without user, password and fragment."""
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme == "https" and bool(parts.hostname) and parts.username is None and not parts.fragment
        )
    except ValueError:
        good = False
    if not good or not url.isascii() or any(character.isspace() for character in url):
        text = "url must begin with https:// and a host, without user, password and fragment."
        raise Invalid(text, field="url")


def call_of(url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> RestRequest:
    """Return the request to a callback. The account names its host, so any host is allowed that is not internal."""
    return RestRequest(method="POST", url=url, headers=headers or {}, body=body, hosts=("*",))


def body_of(delivery: RequestDelivery) -> bytes:
    """Return the body of a delivery: no number, no name, no typed text."""
    return json.dumps(
        {
            "type": delivery.type,
            "timestamp": write_rfc3339(delivery.at),
            "data": {
                "account": delivery.account_id,
                "request": delivery.request_id,
                "kind": delivery.kind,
                "state": delivery.state,
            },
        }
    ).encode()


def headers_of(
    callback: Callback, delivery: RequestDelivery, body: bytes, *, at: datetime
) -> Mapping[str, str]:
    """Return the headers of a delivery that is sent at this time: HMAC-SHA256 over ``id.timestamp.body``."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(callback.secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((delivery.id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
