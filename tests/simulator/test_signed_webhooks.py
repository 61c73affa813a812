"""Every simulated webhook is one that the vendor's own SDK accepts, and a forged one is not."""

import base64
import hashlib
import json
from urllib.parse import parse_qs

import jwt
import nacl.exceptions
import nacl.signing
import plivo.utils
import pytest
import vonage_jwt
from signalwire.core.security.webhook_validator import validate_request
from twilio.request_validator import RequestValidator

from tests.simulator.scene import BASE, HOOK, a_call, every_event, simulated
from vault.simulator.exchange import Webhook
from vault.simulator.registry import SIMULATED, STEERED


def form(webhook: Webhook) -> dict[str, str]:
    """Return the form as the SDKs want it: one value for each name."""
    return {
        name: values[0] for name, values in parse_qs(webhook.body.decode(), keep_blank_values=True).items()
    }


def twilio(webhook: Webhook, credentials: dict[str, str], url: str = HOOK) -> bool:
    validator = RequestValidator(credentials["auth_token"])
    return validator.validate(url, form(webhook), webhook.headers["X-Twilio-Signature"])


def signalwire(webhook: Webhook, credentials: dict[str, str], url: str = HOOK) -> bool:
    signature = webhook.headers["X-SignalWire-Signature"]
    return validate_request(credentials["signing_key"], signature, url, form(webhook))


def plivo_v3(webhook: Webhook, credentials: dict[str, str], url: str = HOOK) -> bool:
    nonce, token = webhook.headers["X-Plivo-Signature-V3-Nonce"], credentials["auth_token"]
    signature = webhook.headers["X-Plivo-Signature-V3"]
    return plivo.utils.validate_v3_signature("POST", url, nonce, token, signature, form(webhook))


def vonage(webhook: Webhook, credentials: dict[str, str], url: str = HOOK) -> bool:
    token, secret = webhook.headers["Authorization"].removeprefix("Bearer "), credentials["signature_secret"]
    claims = jwt.decode(token, secret, algorithms=["HS256"])
    # The SDK proves the token alone; the body is proved by the hash in it.
    whole = claims["payload_hash"] == hashlib.sha256(webhook.body).hexdigest()
    return vonage_jwt.verify_signature(token, secret) and whole and claims["iss"] == "Vonage"


def telnyx(webhook: Webhook, credentials: dict[str, str], url: str = HOOK) -> bool:
    key = nacl.signing.VerifyKey(base64.b64decode(credentials["public_key"]))
    signed = webhook.headers["telnyx-timestamp"].encode() + b"|" + webhook.body
    try:
        key.verify(signed, base64.b64decode(webhook.headers["telnyx-signature-ed25519"]))
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def aircall(webhook: Webhook, credentials: dict[str, str], url: str = HOOK) -> bool:
    return json.loads(webhook.body)["token"] == credentials["token"]


#: What checks a webhook as the vendor does, for every simulated provider.
PEERS = {
    "aircall": aircall,
    "twilio": twilio,
    "vonage": vonage,
    "telnyx": telnyx,
    "plivo": plivo_v3,
    "signalwire": signalwire,
}


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("name", SIMULATED)
def test_the_vendor_accepts_what_is_simulated(name: str, direction: str) -> None:
    """Each event of a whole call is authentic, and the same event with another body or token is not."""
    provider = simulated(name)
    credentials = dict(provider.credentials)
    events = every_event(provider, direction)
    assert len(events) >= 3
    for event in events:
        assert PEERS[name](event, credentials), event.event
        assert not PEERS[name](provider.forged(event), credentials), event.event


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("url", [f"{HOOK}/call", f"{HOOK}/heard?running=1", f"{HOOK}/key?b=2&a=1"])
@pytest.mark.parametrize("name", STEERED)
def test_the_vendor_accepts_a_request_for_a_document(name: str, url: str, direction: str) -> None:
    """At the start, with a key, and where a document led; a query in the URL is signed as the vendor signs it."""
    provider = STEERED[name](BASE)
    credentials, call = dict(provider.credentials), a_call(provider, direction)
    for asking, key in (("start", None), ("key", "9"), ("key", None), ("next", None)):
        request = provider.asks(call, url, asking, key=key, payload={"next": "ncco"})
        assert PEERS[name](request, credentials, url), asking
        assert not PEERS[name](provider.forged(request), credentials, url), asking


@pytest.mark.parametrize("name", sorted(set(STEERED) - {"vonage", "telnyx"}))
def test_where_a_document_is_asked_for_is_signed(name: str) -> None:
    """A request for one step is none for another."""
    provider = STEERED[name](BASE)
    request = provider.asks(a_call(provider), f"{HOOK}/call", "start")
    assert not PEERS[name](request, dict(provider.credentials), f"{HOOK}/heard")


@pytest.mark.parametrize("name", SIMULATED)
def test_another_simulation_has_other_credentials(name: str) -> None:
    """New secrets are made each time, so nothing that was printed or logged opens the next one."""
    first, second = simulated(name).credentials, simulated(name).credentials
    different = {field for field in first if first[field] != second[field]}
    assert different == set(first) - {"space"}


@pytest.mark.parametrize("name", SIMULATED)
def test_the_recording_is_announced_once_and_last(name: str) -> None:
    """No event before the last one names where the media lies."""
    provider = simulated(name)
    *before, last = every_event(provider, "inbound")
    media = provider.base.removeprefix("http://").encode()
    assert media in last.body.replace(b"%3A", b":")
    for event in before:
        body = event.body.replace(b"%3A", b":")
        assert b"/Recording" not in body
        assert b"recordings/" not in body
        assert b"/v1/files" not in body
