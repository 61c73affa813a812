"""An account as a company has it after two weeks: calls in every state, links, holds, requests, approvals, notices."""

import io
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import ACCEPTED
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import update

import vault.audio
from tests.support.example_receivers import add_answers, add_receivers
from tests.support.example_systems import add_app, add_systems
from tests.support.found_digits import propose
from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.register_entries import PROFILE
from tests.support.tenant import Tenant, moment, open_link
from tests.support.web_house import House
from vault.database.schema.core import recordings

#: 34 seconds of µ-law on two channels; the sound begins after the header.
_SAMPLE: Final = Path(vault.audio.__file__).parent / "sample" / "call.wav"
_RATE: Final = 8000
#: The company's own number. All numbers are of the ranges that are reserved for fiction.
OFFICE: Final = "+14155550100"
#: Whose number the journey searches for, and who then asks for an erasure.
CALLER, CALLER_NATIONAL = "+14155550142", "(415) 555-0142"
ERASED_CALLER: Final = "+12125550163"


@dataclass(frozen=True)
class Call:
    """A call, and what becomes of its recording."""

    ref: str
    number: str
    agent: str
    seconds: int
    days_ago: int
    becomes: str = "available"
    direction: str = "inbound"


CALLS: Final = (
    Call("call-20417", CALLER, "Marta Lindqvist", 34, 0),
    Call("call-20416", "+12025550111", "Robin Achterberg", 61, 0, "quarantined"),
    Call("call-20409", "+12125550187", "Priya Natarajan", 118, 1, direction="outbound"),
    Call("call-20405", "+13105550129", "Marta Lindqvist", 47, 1, "quarantined"),
    Call("call-20391", "+12125550135", "Tomás Ferreira", 203, 2),
    Call("call-20384", "+13125550174", "Robin Achterberg", 29, 3, "restricted"),
    Call("call-20377", ERASED_CALLER, "Priya Natarajan", 75, 4),
    Call("call-20368", "+16175550108", "Tomás Ferreira", 164, 5, "quarantined"),
    Call("call-20352", "+14155550191", "Marta Lindqvist", 91, 7),
    Call("call-20344", "+12065550150", "Robin Achterberg", 52, 8, "refused"),
    Call("call-20331", "+13035550116", "Priya Natarajan", 38, 10, direction="outbound"),
    Call("call-20319", "+12025550178", "Tomás Ferreira", 84, 12, "erased"),
)
#: Somebody without an account at the provider.
INVITED: Final = {
    "name": "Noor Haddad",
    "email": "noor@harbourcycles.example",
    "roles": ["supervisor"],
    "agents": ["Marta Lindqvist"],
}
#: Requests of people: reference, what they ask for, law, number, and how many days ago they came.
REQUESTS: Final = (
    ("letter-118", "access", "gdpr", "+14155550191", 4),
    ("mail-2071", "erasure", "gdpr", "+12125550135", 9),
    ("form-0093", "restriction", "ccpa", "+13125550174", 12),
    ("letter-112", "objection", "gdpr", "+16175550108", 34),
    ("mail-2066", "erasure", "none", "+12025550178", 20),
)
#: Nobody told these parties that they are recorded.
_UNTOLD: Final = frozenset({"quarantined", "refused"})
NOTICE: Final = {
    "language": "en", "audience": "caller", "mode": "opt_out_key", "places": ["US-CA", "US-NY"],
    "controller": "Harbour Cycles", "purposes": "to settle questions about repairs and orders",
    "full_notice": "harbourcycles.example/privacy", "retention": "six months",
}  # fmt: skip
POLICY: Final = {
    "classes": [
        {"class": "orders", "purpose": "Prove what was ordered", "period": "P2Y", "minimum": "P1Y",
         "minimum_ground": "business", "match": {"direction": "outbound"}},
        {"class": "quality", "purpose": "Train our staff", "period": "P6M", "maximum": "P1Y"},
    ],
    "time_zone": "America/Los_Angeles",
}  # fmt: skip


RECIPIENT: Final = {
    "name": "Tidewater Hosting", "address": "4 Canal Street, Dublin", "contact": "Eoin Walsh", "role": "processor",
    "purpose": "stores recordings", "country": "IE", "since": "2026-01-01", "covers": ["object_store"],
    "contract": {"status": "signed", "signed_on": "2025-12-01", "ends_on": None},
}  # fmt: skip
AUTHORITY: Final = {
    "received_at": "2026-05-04T09:00:00Z", "authority": "Superior Court, Alameda", "country": "US", "kind": "subpoena",
    "instrument": "No 26-1187", "scope": "content", "numbers": ["+12125550187"], "due_at": "2026-06-01T17:00:00Z",
}  # fmt: skip


@dataclass
class ExampleAccount:
    """The account, and the ids of what it has: recordings by their call, and others by a name."""

    tenant: Tenant
    ids: dict[str, str] = field(default_factory=dict)

    def sent(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Send a request with the admin's key; return the answer's body."""
        answer = self.tenant.http.request(method, self.tenant.url(path), json=body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return dict(answer.json()) if answer.content else {}


def example_account(house: House, name: str | None = None) -> ExampleAccount:
    """Open an account and furnish it."""
    account = ExampleAccount(Tenant.open(house.admin, name=name, policy={"home_place": "US-CA"}))
    _calls(house, account)
    account.sent("PUT", "/card-data", {"keyed_digits": "propose"})
    propose(house, account.ids)
    _links(house, account)
    _people(account)
    _settings(account)
    add_answers(house, account.tenant, account.ids["call-20417"])
    account.ids["endpoint"] = add_receivers(house, account.tenant)
    systems = add_systems(house, account.tenant, account.ids)
    account.ids |= {"integration": systems["hubspot"], "refused integration": systems["pipedrive"]}
    account.ids["app integration"] = add_app(account.tenant)
    # The last: its rule lets a second person approve what the settings above change.
    _questions(house, account)
    return account


def spoken(seconds: int) -> bytes:
    """Return a WAV file of so many seconds of the sample call, over and over."""
    sample = _SAMPLE.read_bytes()
    start = sample.index(b"data") + 8
    sound = sample[start:] * (seconds * 2 * _RATE // (len(sample) - start) + 1)
    sound = sound[: seconds * 2 * _RATE]
    form = struct.pack("<HHIIHHH", 7, 2, _RATE, 2 * _RATE, 2, 8, 0)
    out = io.BytesIO()
    for chunk, data in ((b"fmt ", form), (b"data", sound)):
        out.write(chunk + struct.pack("<I", len(data)) + data)
    body = out.getvalue()
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def _calls(house: House, account: ExampleAccount) -> None:
    """Upload the recordings, and let each become what it becomes."""
    tenant, now = account.tenant, datetime.now(UTC)
    for place, call in enumerate(CALLS):
        start = _started(now, place)
        ends = (call.number, OFFICE) if call.direction == "inbound" else (OFFICE, call.number)
        facts = {"direction": call.direction, "from": ends[0], "to": ends[1], "agent": call.agent}
        account.sent("PUT", f"/calls/{call.ref}", facts | {"started_at": moment(start)})
        if call.becomes not in _UNTOLD:
            _told(account, call, start)
        answer = tenant.put(spoken(call.seconds), call=call.ref, ref=f"{call.ref}-1")
        assert answer.status_code == 201, answer.text
        account.ids[call.ref] = answer.json()["id"]
    ended = {"direction": "inbound", "from": "+12025550119", "to": OFFICE, "agent": "Robin Achterberg"}
    ended |= {
        "started_at": moment(now - timedelta(hours=5)),
        "ended_at": moment(now - timedelta(hours=4, minutes=50)),
    }
    account.sent("PUT", "/calls/call-20402", ended)
    for place, call in enumerate(CALLS):
        recording = account.ids[call.ref]
        tenant.wait(recording, "quarantined" if call.becomes in _UNTOLD else "available")
        if call.becomes == "refused":
            account.sent("POST", f"/recordings/{recording}/refusal", {"reason": "the caller objects"})
            account.sent("PUT", f"/objections/{call.number}", {"reason": "asked by letter"})
        if call.becomes == "restricted":
            account.sent("PUT", f"/recordings/{recording}/restriction", {"reason": "accuracy is disputed"})
        if call.becomes == "erased":
            assert tenant.http.delete(tenant.url(f"/recordings/{recording}")).is_success
        if call.days_ago:
            _receive(house, recording, _started(now, place) + timedelta(seconds=call.seconds + 20))


def _started(now: datetime, place: int) -> datetime:
    return now - timedelta(days=CALLS[place].days_ago, minutes=6 + 17 * place)


def _told(account: ExampleAccount, call: Call, start: datetime) -> None:
    """Report what its parties were told and answered."""
    other = "caller" if call.direction == "inbound" else "callee"
    said = {"party": other, "event": "announced", "method": "announcement", "at": moment(start)}
    account.sent("POST", f"/calls/{call.ref}/consent", said | {"offset": 0, "length": 6.5})


def _receive(house: House, recording: str, at: datetime) -> None:
    """Let a recording have been received at another time: the chart of days has more than today."""
    said = update(recordings).where(recordings.c.id == recording).values(received_at=at)
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(said) and None)


def _links(house: House, account: ExampleAccount) -> None:
    """Make links, of which some were opened and one is revoked."""
    tenant = account.tenant
    wanted = (
        ("call-20417", "Kim Osei, team lead", "quality"), ("call-20391", "Kim Osei, team lead", "quality"),
        ("call-20352", "Lee Marchetti, insurer", "dispute"), ("call-20409", "Kim Osei, team lead", "training"),
        ("call-20331", "Ada Brandt, auditor", "legal_claims"),
    )  # fmt: skip
    for ref, listener, purpose in wanted:
        link = tenant.link(account.ids[ref], listener=listener, purpose=purpose, sessions=3)
        account.ids[f"link {ref}"] = link["url"]
        if ref in {"call-20417", "call-20352"}:
            opened = open_link(house.client(), link["url"])
            assert opened.status_code == 303, opened.text
        if ref == "call-20331":
            path = tenant.url(f"/recordings/{account.ids[ref]}/links/{link['id']}")
            assert tenant.http.delete(path).is_success


def _people(account: ExampleAccount) -> None:
    """Enter requests of people: to identify, to decide, paused, late, and one that is closed."""
    now = datetime.now(UTC)
    for reference, kind, regime, number, days in REQUESTS:
        entered = {"kind": kind, "regime": regime, "reference": reference, "channel": reference.split("-")[0]}
        entered["received_at"] = moment(now - timedelta(days=days))
        person = {"identities": [{"type": "number", "value": number}]}
        made = account.sent("POST", "/requests", entered | person)
        account.ids[reference] = made["id"]
        if reference in {"mail-2071", "letter-112", "mail-2066"}:
            said = {"method": "callback", "at": moment(now - timedelta(days=days - 1))}
            account.sent("POST", f"/requests/{made['id']}/verification", said)
    account.sent("POST", f"/requests/{account.ids['form-0093']}/pause", {"reason": "identity"})
    account.sent("POST", f"/requests/{account.ids['mail-2066']}/decision", {"code": "erased"})


def _settings(account: ExampleAccount) -> None:
    """Publish a notice and begin another, set the retention policy, and connect platforms and a customer's key."""
    notice = account.sent("POST", "/notices", NOTICE)
    account.ids["notice"] = notice["id"]
    account.sent("POST", f"/notices/{notice['id']}/publish")
    french = NOTICE | {"language": "fr", "places": ["FR"], "purposes": "pour suivre votre commande"}
    account.sent("POST", "/notices", french | {"refusal": "tapez 9", "retention": "six mois"})
    account.sent("PUT", "/objections/+13055550144", {"reason": "asked on the telephone"})
    digest = account.sent("POST", "/retention-policy/preview", POLICY)["digest"]
    account.sent("PUT", "/retention-policy", POLICY, **{"Preview-Digest": digest})
    twilio = {"account_sid": "AC" + "0123456789abcdef" * 2, "auth_token": "f" * 32}
    account.sent("PUT", "/connections/telephony", {"provider": "twilio", "credentials": twilio})
    account.ids["connection"] = "telephony"
    provider = {
        "issuer": "https://login.harbourcycles.example",
        "client_id": "callvault",
        "client_secret": "s" * 32,
    }
    roles = [{"value": "call-quality", "role": "listener"}, {"value": "privacy-team", "role": "privacy"}]
    account.sent("PUT", "/sign-in-connections/main", provider | {"claim": ["groups"], "roles": roles})
    account.ids["provider"] = "main"
    made = account.sent("POST", "/members", INVITED)
    account.ids["member"] = made["member"]["id"]
    register(account.tenant, Minter(), "crm")
    contact = "privacy@harbourcycles.example"
    controller = {"name": "Harbour Cycles", "address": "12 Pier Road\nOakland", "contact": contact}
    officer = {"name": "Rosa Klein", "address": "", "contact": "dpo@harbourcycles.example"}
    record = PROFILE | {
        "controller": controller,
        "officer": officer,
        "requests_to": contact,
        "published": True,
    }
    account.ids["recipient"] = account.sent("POST", "/recipients", RECIPIENT)["id"]
    account.ids["authority"] = account.sent("POST", "/authority-requests", AUTHORITY)["id"]
    account.ids["privacy"] = account.sent("PUT", "/processing-record", record)["page_url"]


def _questions(house: House, account: ExampleAccount) -> None:
    """Place holds, of which one is to be released, and set a rule under which an erasure waits."""
    tenant = account.tenant
    holds = (
        ("Harbour Cycles v. Delgado", "Preservation letter of May 4", {"numbers": ["+12125550187", "+13035550116"]}),
        ("Insurance file 5512", "The insurer examines a claim", {"recordings": [account.ids["call-20352"]]}),
    )  # fmt: skip
    for name, reason, covers in holds:
        made = account.sent("POST", "/holds", {"name": name, "reason": reason, "covers": covers})
        account.ids["hold" if name.startswith("Harbour") else "hold to release"] = made["id"]
    path = f"/holds/{account.ids['hold to release']}"
    digest = account.sent("POST", f"{path}/release/preview")["digest"]
    account.sent("DELETE", path, **{"Preview-Digest": digest})
    rule = {"enabled": True, "verbs": ["recording_erasure", "request_erasure"]}
    account.sent("PUT", "/approval-rule", rule)
    # Of nobody who let the readers of its page in: they may approve it.
    issue = house.vault.accounts.api_keys.issue
    _, key = house.call(issue, name="Team lead", scopes=["*"], account_id=tenant.id, actor="operator")
    asking = httpx.Headers({"Authorization": f"Bearer {key.text}"})
    # The worker computes once a minute how long recordings are kept, and refuses to erase them before.
    house.call(house.vault.jobs.apply_policies)
    asked = tenant.http.delete(tenant.url(f"/recordings/{account.ids['call-20391']}"), headers=asking)
    assert asked.status_code == ACCEPTED, asked.text
    account.ids["approval"] = asked.json()["id"]
