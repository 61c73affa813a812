"""The customer's own telephony platform: Standard Webhooks signatures and three events.

    {type: call.started | call.ended | recording.completed, timestamp,
     data: {call_ref, direction, from, to, started_at, ended_at, agent, metadata, recording_ref, recording_url, voices}}

Unknown fields and events are ignored, so that the platform can add some before the vault supports them.
Ids (refs) are strict, because the vault uses them as keys; free text (numbers, agents) is cleaned, not refused,
because a caller must not be able to stop a recording with a malformed caller ID.

The vault knows no REST API of the platform: the platform itself uses the vault's. So the defaults of ``Provider`` apply
to everything that the vault would have to request.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.calls.call import (
    MAX_NAME,
    MAX_VOICES,
    VOICES,
    Announcement,
    CallFacts,
    Direction,
    Voice,
    WebhookContent,
    is_name,
)
from vault.domain.calls.metadata import MAX_KEYS, MAX_VALUE, Metadata, is_key
from vault.domain.calls.provider_api import Access, Delivery, MediaRequest
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import CredentialField, Credentials, Provider
from vault.telephony.http.url import MAX_URL, parse_media_url
from vault.telephony.parsing.json_fields import text
from vault.telephony.parsing.phone_number import clean, normalize, one_line
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.parsing.timestamps import from_rfc3339
from vault.telephony.signatures.standard_webhooks import secret_bytes, verify

EVENTS = ("call.started", "call.ended", "recording.completed")
DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}
CREDENTIALS = (
    CredentialField(
        name="secret",
        label="Shared secret",
        hint="whsec_ and the base64 of 24 to 64 random bytes; both sides have it.",
        pattern=re.compile(r"[!-~]{1,500}"),
        is_secret=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Platform(Provider):
    """The provider ``platform``. It has no state."""

    name: str = "platform"
    title: str = "Another platform, or your own software"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, also for a secret that is not ``whsec_`` and base64."""
        Provider.check_credentials(self, credentials)
        secret_bytes(credentials["secret"])

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the secrets signed the delivery within five minutes."""
        verify(
            [entry.get("secret", "") for entry in credentials],
            headers=delivery.headers,
            body=delivery.body,
            received_at=delivery.received_at,
        )

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse the event; None for an event of another type. Raises Invalid."""
        event = parse_object(delivery.body)
        kind = event.get("type")
        if not isinstance(kind, str):
            raise Invalid("type must be a string: the event's type.", field="type")
        if kind not in EVENTS:
            return None
        _moment(event, "timestamp")
        data = event.get("data")
        if not isinstance(data, dict):
            raise Invalid("data must be an object.", field="data")
        return WebhookContent(
            facts=_facts(data),
            announcement=_announcement(data) if kind == "recording.completed" else None,
            delivery_id=delivery.headers.get("webhook-id"),
            metadata=_metadata(data),
        )

    def event_name(self, delivery: Delivery) -> str | None:
        """Return ``type``."""
        return text(parse_object(delivery.body), "type")

    @property
    def resends_refused(self) -> bool:
        """Return True: the specification asks senders to retry for days."""
        return True

    @property
    def is_own_software(self) -> bool:
        """Return True."""
        return True

    @property
    def event_types(self) -> Sequence[str]:
        """Return the three types."""
        return EVENTS

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:  # noqa: ARG002 - the port's signature; the URL needs no credentials
        """Build a request without credentials to any public https host.

        The platform signs its events and may store its media anywhere; private addresses are allowed only if they
        are in the operator's VAULT_MEDIA_ALLOW.
        """
        if announcement.url is None:
            raise FetchFailed("The announcement has no URL.", final=True)
        return MediaRequest(url=announcement.url, headers={}, hosts=("*",))

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the webhook URL, the signature scheme, and an example event."""
        return {
            "url": webhook_url,
            "method": "POST",
            "content_type": "application/json",
            "events": list(EVENTS),
            "signature": (
                "Standard Webhooks, symmetric: webhook-signature is v1, a comma, and the base64 of "
                "HMAC-SHA256 over webhook-id, a dot, webhook-timestamp, a dot, and the raw body. The key "
                "is the base64 part of the secret, decoded. A retry has the same webhook-id."
            ),
            "recording_url": (
                "An https URL on port 443 of a public address, fetched once without credentials; it should "
                "stay valid for a day. A few redirects are followed, to such URLs. Private hosts must be in the "
                "operator's VAULT_MEDIA_ALLOW."
            ),
            "example": {
                "type": "recording.completed",
                "timestamp": "2026-01-31T09:30:05Z",
                "data": {
                    "call_ref": "call-1",
                    "direction": "inbound",
                    "from": "+12025550100",
                    "to": "+12025550199",
                    "started_at": "2026-01-31T09:28:00Z",
                    "ended_at": "2026-01-31T09:30:00Z",
                    "agent": "alice",
                    "metadata": {"order": "4711"},
                    "recording_ref": "recording-1",
                    "recording_url": "https://media.example.com/recording-1.wav",
                    "voices": ["callee", "caller"],
                },
            },
        }


def _facts(data: Mapping[str, object]) -> CallFacts:
    direction = _text(data, "direction")
    if direction is not None and direction not in DIRECTIONS:
        raise Invalid("data.direction must be inbound or outbound.", field="data.direction")
    caller, callee, agent = _text(data, "from"), _text(data, "to"), _text(data, "agent")
    started_at = _moment(data, "started_at", path="data.")
    ended_at = _moment(data, "ended_at", path="data.")
    if started_at is not None and ended_at is not None and ended_at < started_at:
        raise Invalid("data.ended_at must not be before data.started_at.", field="data.ended_at")
    return CallFacts(
        call_ref=_ref(data, "call_ref"),
        direction=None if direction is None else DIRECTIONS[direction],
        caller=(normalize(caller) or None) if caller is not None else None,
        callee=(normalize(callee) or None) if callee is not None else None,
        started_at=started_at,
        ended_at=ended_at,
        agent=(clean(agent) or None) if agent is not None else None,
    )


def _announcement(data: Mapping[str, object]) -> Announcement:
    recording_ref = _ref(data, "recording_ref")
    url = _text(data, "recording_url")
    if url is None:
        raise Invalid("data.recording_url is required.", field="data.recording_url")
    try:
        parse_media_url(url)
    except ValueError:
        raise Invalid(
            f"data.recording_url must be an https URL of at most {MAX_URL} ASCII characters, without userinfo.",
            field="data.recording_url",
        ) from None
    return Announcement(recording_ref=recording_ref, url=url, voices=_voices(data))


def _voices(data: Mapping[str, object]) -> tuple[Voice, ...]:
    """Return the voice of each channel; empty if the event does not say."""
    value = data.get("voices")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_VOICES or not all(voice in VOICES for voice in value):
        raise Invalid(
            f"data.voices must be a list of at most {MAX_VOICES}: caller, callee, all or unknown for each channel.",
            field="data.voices",
        )
    return tuple(value)


def _metadata(data: Mapping[str, object]) -> Metadata:
    """Return the metadata of the call: keys are strict, and values are cleaned. Raises Invalid."""
    given = data.get("metadata")
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > MAX_KEYS:
        text = f"data.metadata must be an object with at most {MAX_KEYS} keys."
        raise Invalid(text, field="data.metadata")
    if not all(is_key(key) and isinstance(value, str) for key, value in given.items()):
        text = (
            "Each key of data.metadata must have 1 to 40 letters, digits, dots, hyphens or underscores, and each "
            "value must be a string."
        )
        raise Invalid(text, field="data.metadata")
    cleaned = {key: one_line(value, MAX_VALUE) for key, value in given.items()}
    return {key: value for key, value in cleaned.items() if value}


def _ref(data: Mapping[str, object], key: str) -> str:
    """Return a required id unchanged: it is a key of rows. Raises Invalid."""
    ref = _text(data, key)
    if ref is None or not is_name(ref):
        text = f"data.{key} must have 1 to {MAX_NAME} characters, all printable and not only spaces."
        raise Invalid(text, field=f"data.{key}")
    return ref


def _text(data: Mapping[str, object], key: str) -> str | None:
    """Return a string, or None if it is absent or null. Raises Invalid."""
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"data.{key} must be a string.", field=f"data.{key}")
    return value


def _moment(data: Mapping[str, object], key: str, *, path: str = "") -> datetime | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Invalid(f"{path}{key} must be a string.", field=f"{path}{key}")
    return from_rfc3339(value, field=f"{path}{key}")
