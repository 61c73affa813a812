"""A generated Python client at work: an account, the switch off and on, a webhook, an upload, a link that plays.

Usage: journey.py URL API_KEY ACCOUNT AUDIO_FILE EVENT_FILE. Prints what the link played, as SHA-256.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from callvault_client import AuthenticatedClient, Client
from callvault_client.api.accounts import put_account, put_connection, put_switch
from callvault_client.api.calls import put_call
from callvault_client.api.consent import patch_policy
from callvault_client.api.links import post_link
from callvault_client.api.playback import get_session_audio, open_link
from callvault_client.api.recordings import get_recording, put_recording
from callvault_client.models import (
    AccountIn,
    CallEndedEvent,
    CallEventData,
    CallIn,
    CallInDirection,
    ConnectionIn,
    ConnectionInCredentials,
    LinkIn,
    PolicyPatchIn,
    PolicyPatchInMissingEvidence,
    RecordingAvailableEvent,
    RecordingOut,
    SwitchIn,
)
from callvault_client.models.account_out import AccountOut
from callvault_client.models.call_out import CallOut
from callvault_client.models.connection_out import ConnectionOut
from callvault_client.models.link_made_out import LinkMadeOut
from callvault_client.models.policy_out import PolicyOut
from callvault_client.models.problem import Problem
from callvault_client.models.switch_out import SwitchOut
from callvault_client.types import File


def main(url: str, key: str, account: str, audio: Path, event: Path) -> None:
    """Do what a platform and a listener do."""
    admin = AuthenticatedClient(base_url=url, token=key)
    assert isinstance(put_account.sync(account, client=admin, body=AccountIn(name="Acme")), AccountOut)
    for enabled in (False, True):
        switch = put_switch.sync(account, client=admin, body=SwitchIn(enabled=enabled))
        assert isinstance(switch, SwitchOut)
        assert switch.enabled is enabled
    accept = PolicyPatchIn(
        missing_evidence=PolicyPatchInMissingEvidence.ACCEPT, reason="An example without a call"
    )
    assert isinstance(patch_policy.sync(account, client=admin, body=accept), PolicyOut)
    # The call begins after the switch was on again: one that overlaps with off is refused.
    call = CallIn(
        direction=CallInDirection.INBOUND,
        from_="+12025550123",
        to="+12025550187",
        started_at=datetime.now(UTC),
    )
    answer = put_call.sync(account, "call-1", client=admin, body=call)
    assert isinstance(answer, CallOut)
    assert answer.decision.record
    announce_end(admin, account, "call-1")
    recording = uploaded(admin, account, audio)
    link = post_link.sync(account, recording, client=admin, body=LinkIn(listener="robin"))
    assert isinstance(link, LinkMadeOut)
    played = heard(url, urlsplit(link.url).path.rpartition("/")[2])
    assert played == audio.read_bytes()
    assert recording_of(event.read_bytes()).startswith("rec_")
    print(hashlib.sha256(played).hexdigest())


def announce_end(admin: AuthenticatedClient, account: str, call: str) -> None:
    """Send a typed event: its signature is over the bytes, so they are made before it and sent as they are."""
    key = hashlib.sha256(account.encode()).digest()
    credentials = ConnectionInCredentials.from_dict({"secret": f"whsec_{base64.b64encode(key).decode()}"})
    connected = put_connection.sync(
        account, "main", client=admin, body=ConnectionIn(provider="platform", credentials=credentials)
    )
    assert isinstance(connected, ConnectionOut)
    now = datetime.now(UTC)
    event = CallEndedEvent(type_="call.ended", data=CallEventData(call_ref=call, ended_at=now), timestamp=now)
    body = json.dumps(event.to_dict()).encode()
    delivery, at = "msg_1", str(int(now.timestamp()))
    signed = hmac.digest(key, f"{delivery}.{at}.".encode() + body, "sha256")
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    answer = httpx.post(connected.webhook_url, content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "noted"}), answer.text


def recording_of(body: bytes) -> str:
    """Read an event that the vault has sent, by its type; no field is lost."""
    event = RecordingAvailableEvent.from_dict(json.loads(body))
    assert event.type_ == "recording.available"
    assert {**event.to_dict(), "timestamp": None} == {**json.loads(body), "timestamp": None}
    return event.data.recording


def uploaded(admin: AuthenticatedClient, account: str, audio: Path) -> str:
    """Upload, and wait until the recording can be played; a bad upload is a problem that names why."""
    body = File(payload=BytesIO(audio.read_bytes()))
    sent = put_recording.sync(account, "call-1", "recording-1", client=admin, body=body)
    assert isinstance(sent, RecordingOut)
    other = put_recording.sync(
        account, "call-1", "recording-1", client=admin, body=File(payload=BytesIO(b"RIFF"))
    )
    assert isinstance(other, Problem)
    assert other.status == 409
    state = str(sent.state)
    while state not in {"available", "quarantined", "refused", "failed"}:
        time.sleep(0.2)
        now = get_recording.sync(account, sent.id, client=admin)
        assert isinstance(now, RecordingOut)
        state = str(now.state)
    assert state == "available"
    return sent.id


def heard(url: str, token: str) -> bytes:
    """Open a link as a browser does, and return the audio of its session."""
    opened = open_link.sync_detailed(token, client=Client(base_url=url))
    session = opened.headers["location"].rpartition("/")[2]
    cookie = opened.headers["set-cookie"].split(";")[0].split("=", 1)
    listener = Client(base_url=url, cookies={cookie[0]: cookie[1]})
    part = get_session_audio.sync_detailed(session, client=listener, range_="bytes=0-99")
    assert (part.status_code, len(part.content)) == (206, 100)
    whole = get_session_audio.sync(session, client=listener)
    assert isinstance(whole, File)
    return whole.payload.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5]))
