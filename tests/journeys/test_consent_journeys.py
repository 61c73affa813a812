"""Consent on its way through the service: a key in the middle of a call, quarantine and its ends, withdrawal."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.journeys.consent_events import begin, tell
from tests.servers.media import raw
from tests.servers.media_thread import MediaThread
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, moment, open_link, tone
from vault.simulator.call import CUSTOMER, LINE, SimulatedCall, call_that_ended
from vault.simulator.exchange import Webhook
from vault.simulator.instructions import Begin, Follow, Wait
from vault.simulator.provider import SteeredProvider
from vault.simulator.registry import STEERED

AUDIO = tone(2.0)
#: Where the account's own application goes on with a steered call.
NEXT = "https://application.example/next"
NOTICE = {
    "language": "en",
    "audience": "caller",
    "mode": "opt_out_key",
    "controller": "Acme Limited",
    "purposes": "to check the quality of our service",
    "full_notice": "acme.example/privacy",
}


def quarantined(tenant: Tenant, media: MediaThread) -> str:
    """Announce a recording of a call whose caller was told nothing; return its id once it waits."""
    begin(tenant)
    recording: str = tenant.announce(media.serve(f"/{tenant.name}/a.wav", AUDIO)).json()["recording"]
    found = tenant.wait(recording, "quarantined")
    assert [reason["code"] for reason in found["reasons"]] == ["notice_missing"]
    assert found["quarantined_until"] is not None
    return recording


def evidence(tenant: Tenant, recording: str) -> list[str]:
    """Return the kinds of the entries that came after the recording was sealed."""
    answer = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence"))
    assert answer.status_code == 200, answer.text
    return [entry["said"]["kind"] for entry in answer.json()["chain"]]


def audio(tenant: Tenant, recording: str) -> int:
    """Return the status with which the audio is answered."""
    return tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).status_code


class Steered:
    """An account whose calls are steered by the vault's documents: 9 declines, 7 objects for good."""

    def __init__(self, tenant: Tenant, media: MediaThread, name: str = "twilio") -> None:
        """Connect, ask for a key, and publish a notice."""
        self.tenant = tenant
        self.provider: SteeredProvider = STEERED[name](f"http://{media.authority}")
        connection = {"provider": name, "credentials": dict(self.provider.credentials),
                      "api_base": self.provider.base, "next_url": NEXT}  # fmt: skip
        self.hook = self._put("/connections/steered", connection)["webhook_url"]
        policy = {"mode": "opt_out_key", "keys": {"object": "7"}}
        assert tenant.http.patch(tenant.url("/consent-policy"), json=policy).status_code == 200
        draft = tenant.http.post(tenant.url("/notices"), json=NOTICE).json()
        assert tenant.http.post(tenant.url(f"/notices/{draft['id']}/publish")).status_code == 200
        self.call: SimulatedCall = call_that_ended(
            datetime.now(UTC), ref=self.provider.new_call_ref(), direction="inbound"
        )

    def document(self, door: str, asking: str, key: str | None = None) -> list[Any]:
        """Ask for a document at a door, signed and read as the provider does."""
        url = f"{self.hook}/{door}"
        answer = self.send(self.provider.asks(self.call, url, asking, key=key), url)
        assert answer.status_code == 200, answer.text
        return list(self.provider.read(answer.content, self.call))

    def send(self, webhook: Webhook, url: str) -> httpx.Response:
        """Send a webhook without any key."""
        return httpx.post(url, content=webhook.body, headers=dict(webhook.headers), timeout=30)

    def _put(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        answer = self.tenant.http.put(self.tenant.url(path), json=said)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def test_a_key_in_the_middle_of_a_call_refuses_its_recording(
    careful: Tenant, media: MediaThread, server: VaultProcess
):
    """In Washington the recording already runs when the caller declines: it is refused, and nothing is fetched."""
    line = Steered(careful, media)
    facts = {"direction": "inbound", "from": CUSTOMER, "to": LINE, "from_place": "US-WA"}
    facts["started_at"] = moment(line.call.started_at)
    assert careful.http.put(careful.url(f"/calls/{line.call.ref}"), json=facts).status_code == 200
    recording, asks, goes_on = line.document("call", "start")
    assert isinstance(recording, Begin)
    assert isinstance(asks, Wait)
    assert isinstance(goes_on, Follow)
    # Both name the notice that was played.
    assert [url.partition("?notice=ntc_")[0] for url in (asks.url, goes_on.url)] == [
        f"{line.hook}/key", f"{line.hook}/heard",
    ]  # fmt: skip
    # Somebody else's no counts for nothing.
    forged = line.provider.forged(line.provider.asks(line.call, asks.url, "key", key="9"))
    assert line.send(forged, asks.url).status_code == 401
    assert line.document("key", "key", "9") == [Follow(NEXT)]
    ready = line.provider.recording_event(line.provider.keep(line.call, AUDIO), line.hook)
    path = urlsplit(parse_qs(ready.body.decode())["RecordingUrl"][0]).path + ".wav"
    media.serve(path, AUDIO)
    told = line.send(ready, line.hook)
    assert (told.status_code, told.json()["status"]) == (200, "refused")
    found = careful.get(told.json()["recording"])
    assert (found["state"], found["reasons"][0]["code"]) == ("refused", "declined")
    assert (found["bytes"], audio(careful, found["id"])) == (None, 404)
    assert media.asked_for(path) == 0
    assert not (server.data_dir / "objects" / "recordings" / careful.id).exists()


@pytest.mark.parametrize(("name", "listed"), [("twilio", [CUSTOMER]), ("telnyx", [])])
def test_a_key_that_objects_lists_the_number_of_whoever_pressed_it(
    careful: Tenant, media: MediaThread, name: str, listed: list[str]
):
    """TeXML does not say who called whom: then it is a no, and nobody's number is listed, for one is the account's."""
    line = Steered(careful, media, name)
    line.document("call", "start")
    assert line.document("key", "key", "7") == [Follow(NEXT)]
    objections = careful.http.get(careful.url("/objections")).json()["items"]
    assert [one["number"] for one in objections] == listed
    hook = line.hook
    ready = line.provider.recording_event(line.provider.keep(line.call, AUDIO), hook)
    assert line.send(ready, hook).json()["status"] == "refused"


def test_a_no_while_a_recording_is_fetched_refuses_it(careful: Tenant, media: MediaThread):
    """Once the answer to it has come, nothing of the call becomes available any more."""
    began = begin(careful)
    assert tell(careful, "announced", began).status_code == 201
    hangs = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nRIFF", hang=True)
    recording = careful.announce(media.on(f"/{careful.name}/a.wav", hangs)).json()["recording"]
    careful.wait(recording, "transferring")
    assert tell(careful, "declined", began, method="key").json()["decision"]["verdict"] == "refuse"
    found = careful.get(recording)
    assert (found["state"], [one["code"] for one in found["reasons"]]) == ("refused", ["declined"])


def test_an_admin_releases_what_waits(careful: Tenant, media: MediaThread):
    """Through the same gate, on record with the reason; again there is nothing to release."""
    recording = quarantined(careful, media)
    assert audio(careful, recording) == 404
    release = careful.url(f"/recordings/{recording}/release")
    decision = careful.http.post(release, json={"reason": "The caller agreed in writing."}).json()
    assert (decision["verdict"], decision["reasons"][0]["code"]) == ("allow", "notice_missing")
    assert "released" in [reason["code"] for reason in decision["reasons"]]
    assert (careful.get(recording)["state"], audio(careful, recording)) == ("available", 200)
    assert evidence(careful, recording)[-2:] == ["release", "gate"]
    again = careful.http.post(release, json={"reason": "once more"})
    assert (again.status_code, again.json()["reasons"]) == (409, ["not_quarantined"])


def test_what_an_admin_refuses_stays_refused(careful: Tenant, media: MediaThread):
    """Its key is gone: neither late evidence nor the same announcement brings it back."""
    recording = quarantined(careful, media)
    refused = careful.http.post(careful.url(f"/recordings/{recording}/refusal"), json={"reason": "A child."})
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    assert [reason["code"] for reason in refused.json()["reasons"]] == ["refused_by_admin"]
    assert tell(careful, "announced", datetime.now(UTC)).status_code == 201
    again = careful.announce(media.serve(f"/{careful.name}/a.wav", AUDIO)).json()
    assert (again["status"], again["recording"]) == ("refused", recording)
    assert (careful.get(recording)["state"], audio(careful, recording)) == ("refused", 404)
    release = careful.http.post(careful.url(f"/recordings/{recording}/release"), json={"reason": "oh"})
    assert release.status_code == 409


def test_late_evidence_lets_a_recording_out_by_itself(careful: Tenant, media: MediaThread):
    """The platform tells of the announcement after the recording waits, and nobody need release it."""
    recording = quarantined(careful, media)
    told = tell(careful, "announced", datetime.now(UTC), method="announcement")
    assert (told.status_code, told.json()["decision"]["verdict"]) == (201, "allow")
    found = careful.get(recording)
    assert (found["state"], found["reasons"], found["quarantined_until"]) == ("available", [], None)
    assert audio(careful, recording) == 200
    assert evidence(careful, recording)[-2:] == ["consent", "gate"]


def test_a_quarantine_that_nobody_ends_ends_in_refusal(media: MediaThread, tmp_path: Path):
    """The worker refuses what is due; the wait of thirty days is shortened in the row while the server is down."""
    with vault_process(tmp_path, VAULT_MEDIA_ALLOW=media.authority) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as http:
            tenant = Tenant.open(http, policy={"quarantine_days": 30})
            recording = quarantined(tenant, media)
            due = datetime.fromisoformat(tenant.get(recording)["quarantined_until"])
            assert timedelta(days=29, hours=23) < due - datetime.now(UTC) < timedelta(days=30)
            assert server.stop() == 0
            age(server.data_dir, recording)
            server.start()
            found = tenant.wait(recording, "refused")
            assert [reason["code"] for reason in found["reasons"]] == ["quarantine_expired"]
            assert audio(tenant, recording) == 404
            assert tenant.types(recording)[-1] == "recording.refused"


def age(data_dir: Path, recording: str) -> None:
    """Let the quarantine of a recording be over, in the database of a server that is down."""
    with sqlite3.connect(data_dir / "vault.db") as database:
        (until,) = database.execute(
            "SELECT quarantined_until FROM recordings WHERE id = ?", (recording,)
        ).fetchone()
        past = until - 31 * 86_400_000_000
        changed = database.execute(
            "UPDATE recordings SET quarantined_until = ? WHERE id = ?", (past, recording)
        )
        assert changed.rowcount == 1
        # Nor has the turn to be waited for, which the server took a moment ago.
        database.execute("DELETE FROM turns")
    database.close()


def test_a_withdrawal_silences_what_is_being_heard(
    careful: Tenant, media: MediaThread, browser: httpx.Client
):
    """The policy restricts: the API, the link and a session that is open give no further byte, and it can be lifted."""
    recording = available(careful, media)
    link = careful.link(recording)
    session = open_link(browser, link["url"]).headers["location"]
    heard = browser.get(f"{session}/audio", headers={"Range": "bytes=0-999"})
    assert (heard.status_code, heard.content) == (206, AUDIO[:1000])
    assert tell(careful, "withdrawn", datetime.now(UTC)).status_code == 201
    silent = browser.get(f"{session}/audio", headers={"Range": "bytes=1000-1999"})
    assert (silent.status_code // 100, AUDIO[1000:1100] in silent.content) == (4, False)
    assert audio(careful, recording) // 100 == 4
    assert open_link(browser, link["url"], nonce="n").status_code == 404
    found = careful.get(recording)
    assert (found["state"], found["flags"]["restricted"]) == ("available", True)
    assert "recording.restricted" in careful.types(recording)


def test_a_withdrawal_erases_where_the_policy_says_so(careful: Tenant, media: MediaThread):
    """The recording is gone for good, and its tombstone says when."""
    policy = careful.http.patch(careful.url("/consent-policy"), json={"withdrawal": "erase"})
    assert policy.status_code == 200
    recording = available(careful, media)
    assert tell(careful, "withdrawn", datetime.now(UTC)).status_code == 201
    assert audio(careful, recording) == 404
    assert careful.wait(recording, "erased")["erased_at"] is not None
    link = careful.http.post(careful.url(f"/recordings/{recording}/links"), json={"listener": "Kim"})
    assert link.status_code == 410


def available(tenant: Tenant, media: MediaThread) -> str:
    """Return a recording whose caller was told of it."""
    began = begin(tenant)
    assert tell(tenant, "announced", began).status_code == 201
    recording: str = tenant.announce(media.serve(f"/{tenant.name}/a.wav", AUDIO)).json()["recording"]
    tenant.wait(recording)
    assert audio(tenant, recording) == 200
    return recording


def test_evidence_may_come_before_its_call(careful: Tenant, media: MediaThread):
    """What is told of a call that nobody has heard of is kept, and counts when the recording comes."""
    assert tell(careful, "announced", datetime.now(UTC)).status_code == 201
    begin(careful)
    url = media.serve(f"/{careful.name}/a.wav", AUDIO)
    careful.wait(careful.announce(url).json()["recording"])
