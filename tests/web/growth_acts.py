"""What is done once more in each round, by subject: every act of the contract that can be repeated on its object."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import phonenumbers

from tests.support.link_minter import Minter
from tests.support.tenant import moment, open_link
from tests.web.card_data_acts import grow_pauses, grow_proposals
from tests.web.growth_scene import TIMES, Grown
from tests.web.handover_acts import grow_receivers
from tests.web.member_acts import grow_invited, grow_provisioning
from vault.domain.accounts.console_session import MAX_LENGTH, ConsoleSession
from vault.domain.accounts.roles import SCOPES_OF_ROLE
from vault.domain.ids import Token, new_id
from vault.domain.sign_in.connection import PersonRow, Profile

_PLACES: Final = sorted(phonenumbers.SUPPORTED_REGIONS)
#: An account has at most so many; numbers of a call that are no E.164.
_CONNECTIONS, _SIGN_INS, _LINK_KEYS, _SPELLED, _NOTES = 150, 45, 4, 50, 90
CALL: Final = {"direction": "inbound", "from": "+12025550100", "to": "+12025550199",
               "started_at": "2026-01-05T10:00:00Z", "ended_at": "2026-01-05T10:10:00Z"}  # fmt: skip
CONSENT: Final = {"party": "caller", "event": "accepted", "method": "form", "at": "2026-01-05T09:00:00Z"}
_NOTICE: Final = {"language": "en", "audience": "caller", "mode": "announce", "controller": "Acme",
                  "purposes": "training", "refusal": "no", "full_notice": "a.example", "retention": "year"}  # fmt: skip
_RECIPIENT: Final = {"name": "n", "address": "a", "contact": "c", "role": "processor", "purpose": "p",
                     "country": "FR", "since": "2026-01-01"}  # fmt: skip
_AUTHORITY: Final = {"received_at": "2026-01-01T00:00:00Z", "authority": "court", "country": "FR", "kind": "warrant",
                     "scope": "both", "numbers": ["+12025550100"]}  # fmt: skip
_REQUEST: Final = {"regime": "gdpr", "received_at": moment(datetime.now(UTC) - timedelta(days=2)),
                   "identities": [{"type": "number", "value": "+12025550100"}]}  # fmt: skip
_VERIFIED: Final = {"method": "callback", "at": moment(datetime.now(UTC) - timedelta(days=1))}


def _calls(grown: Grown, number: int) -> None:
    call = CALL | {"agent": f"agent {number}"}
    grown.act("put_call", body=call | {"metadata": {"order": str(number)}})
    grown.act("post_consent", body=CONSENT)
    grown.act("patch_call", body={"metadata": {f"key{number % 19}": str(number)}})
    # Each number in another national spelling, of a place that no other has.
    region = number % _SPELLED
    spelled = {"from": f"0{2_000_000 + region * 7919:09d}", "from_place": _PLACES[2 * region],
               "to": f"0{3_000_000 + region * 104_729:09d}", "to_place": _PLACES[2 * region + 1]}  # fmt: skip
    grown.act("put_call", "spelled", body=call | spelled, call_ref="spelled")
    grown.act("post_consent", "spelled", body=CONSENT, call_ref="spelled")
    ended = f"ended-{number}"
    grown.act("put_call", "new", body=CALL, call_ref=ended)


def _webhooks(grown: Grown, number: int) -> None:
    tenant = grown.tenant
    hooks: dict[str, Callable[[], Any]] = {
        "call": lambda: tenant.hook("call.started", call_ref="hooked", agent=f"agent {number}"),
        "recording": lambda: tenant.announce(
            "https://nowhere.invalid/a", call="hooked", ref=f"hook-{number}"
        ),
        "again": lambda: tenant.announce("https://nowhere.invalid/a", call="hooked", ref="hook-0"),
    }
    for of, send in hooks.items():
        answer = grown.counted("post_webhook", of, send)
        assert answer.status_code in {200, 202}, answer.text
    grown.house.call(grown.house.vault.ingest.deliveries.write)


def _recordings(grown: Grown, number: int) -> None:
    if number % 8 == 0 or grown.is_measured:
        grown.upload(recording_ref=f"r{number}")
    grown.act("put_restriction", body={}, recording=grown.ids["restricted"])
    grown.act("delete_restriction", recording=grown.ids["restricted"])
    grown.act("post_retry", status=409)
    grown.act("post_redaction", body={"ranges": [{"from": 0, "to": 0.05}], "reason": "r"})
    grown.act("patch_recording", body={"metadata": {f"key{number % 20}": str(number)}})
    if number < _NOTES or grown.is_measured:
        note = grown.act("post_recording_note", body={"at": 0.1, "text": "n"})["id"]
        grown.act("patch_recording_note", body={"text": "m"}, note=note)
        if number >= _NOTES or number % 2:
            grown.act("delete_recording_note", note=note)
    # Of somebody whose key is revoked.
    key = grown.act("post_key", body={"name": "k", "scopes": ["*"], "account": grown.tenant.name})
    with_key = {"Authorization": f"Bearer {key['key']}"}
    grown.act("post_recording_note", "of who leaves", body={"at": 0.1, "text": "n"}, headers=with_key)
    grown.act("delete_key", key=key["id"])
    grown.house.key_for(grown.tenant.name, "recordings:read")


def _links(grown: Grown, number: int) -> None:
    made = grown.act("post_link", body={"listener": f"Kim {number}"})
    grown.act("post_link", "revoked", body={"listener": "Lou"})
    grown.act("post_revocation", body={"listener": "Lou"})
    if number % 3 == 0:
        grown.act("delete_link", link=made["id"])
    if "opened" not in grown.ids:
        grown.ids["opened"] = grown.act("post_link", body={"listener": "Ann", "sessions": 1000})["url"]
    browser = grown.browser
    browser.cookies.clear()
    opened = grown.counted("open_link", "", lambda: open_link(browser, grown.ids["opened"]))
    assert opened.status_code == 303, opened.text
    assert browser.get(f"{opened.headers['location']}/audio").status_code == 200
    grown.act("post_doorway")
    grown.act("post_link_cut", body={"listener": f"Kim {number}"})
    minter, name = Minter(), f"k{number // 6 % _LINK_KEYS}"
    grown.act("post_link_check", body={"link": minter.token(grown.ids["recording"])})
    if number % 6 == 0 or grown.is_measured:
        if grown.ids.pop(name, None):
            grown.act("delete_link_key", name=name)
        challenge = grown.act("post_link_key_challenge")["challenge"]
        grown.ids[name] = grown.act("put_link_key", body=minter.registration(challenge), name=name)["id"]


def _objections_and_holds(grown: Grown, number: int) -> None:
    grown.act("put_objection", number=f"%2B4930{number:07d}")
    grown.act("put_objection", "again", number="%2B33612345678")
    grown.act("delete_objection", number="%2B33612345678")
    hold = {"name": f"hold {number}", "reason": "a dispute", "covers": {"numbers": [f"+4930{number:07d}"]}}
    grown.ids["hold"] = grown.act("post_hold", body=hold)["id"]
    grown.act("post_release_preview")
    ended = grown.act("post_hold", body=hold | {"name": f"ended {number}"})["id"]
    digest = grown.act("post_release_preview", hold=ended)["digest"]
    grown.act("delete_hold", hold=ended, headers={"Preview-Digest": digest})
    contact = {"numbers": [f"+4930{number:07d}"], "ended_at": "2026-06-01T00:00:00Z"}
    grown.act("post_contact_end", body=contact)
    grown.act("post_contact_end_withdrawal", body={"numbers": contact["numbers"]})


def _settings(grown: Grown, number: int) -> None:
    grown.act("patch_policy", body={"quarantine_days": 1 + number % 300})
    policy = grown.tenant.http.get(grown.address("get_policy")).json()
    body = {name: policy[name] for name in _POLICY} | {"quarantine_days": 2 + number % 300}
    grown.act("put_policy", body=body)
    grown.act("put_switch", body={"enabled": False})
    grown.act("put_switch", body={"enabled": True})
    grown.act("put_limits", body={"queue": 100_000 + number})
    grown.act("put_account", body={"name": f"n{number}"})
    if number % 4 == 0:
        grown.act("put_account", "new", body={}, account=f"{grown.tenant.name}-{number}")
    if number < _CONNECTIONS:
        said = {"provider": "platform", "credentials": {"secret": grown.tenant.secret}}
        grown.act("put_connection", body=said, name=f"c{number}")
        if number % 3 == 0:
            grown.act("delete_connection", name=f"c{number}")
    grow_receivers(grown, number)
    # None is shorter than the one before, which would wait.
    wanted = {"classes": [], "told_reason": f"all were told, {number}"}
    digest = grown.act("post_retention_preview", body=wanted)["digest"]
    grown.act("put_retention_policy", body=wanted, headers={"Preview-Digest": digest})


_POLICY: Final = ("missing_evidence", "reason", "withdrawal", "mode", "home_place", "quarantine_days", "keys",
                  "overrides")  # fmt: skip


def _notices(grown: Grown, number: int) -> None:
    # In a language that no other has: what is published retires what was published of its kind.
    wanted = _NOTICE | {"language": f"en-{_PLACES[number]}"}
    notice = grown.act("post_notice", body=wanted)["id"]
    grown.act(
        "put_notice", body=wanted | {"places": [_PLACES[number]], "purposes": f"p{number}"}, notice=notice
    )
    grown.ids["notice"] = notice
    grown.act("publish_notice", notice=notice)
    if number % 3 == 0 or grown.is_measured:
        grown.act("retire_notice", notice=notice)
    draft = grown.act("post_notice", body=_NOTICE)["id"]
    grown.act("delete_notice", notice=draft)


def _registers(grown: Grown, number: int) -> None:
    grown.ids["recipient"] = grown.act("post_recipient", body=_RECIPIENT | {"name": f"R{number}"})["id"]
    grown.act("patch_recipient", body={"contact": f"c{number}"})
    if number % 3 == 0 or grown.is_measured:
        grown.act("post_recipient_end", body={"until": "2026-11-01"})
    grown.ids["authority_request"] = grown.act("post_authority_request", body=_AUTHORITY)["id"]
    grown.act("patch_authority_request", body={"statute": f"s{number}"})
    grown.act("put_processing_record", body={"requests_to": f"us {number}"})


def _requests(grown: Grown, number: int) -> None:
    """Of one person: one that stays open and waits again and again, and new ones."""
    if "open" not in grown.ids:
        grown.ids["open"] = grown.act(
            "post_request", body=_request("rectification", "open") | {"wish": "My name is wrong."}
        )["id"]
    grown.act("post_request_pause", body={"reason": "clarification"}, request_id=grown.ids["open"])
    grown.act("post_request_resume", request_id=grown.ids["open"])
    wanted = _request("access", f"r{number}")
    made = grown.act("post_request", body=wanted)["id"]
    grown.act("post_request", "again", body=wanted)
    grown.act("post_request_verification", body=_VERIFIED, request_id=made)
    until = moment(datetime.now(UTC) + timedelta(days=45))
    told = {"until": until, "reason": "many", "told_at": moment(datetime.now(UTC))}
    grown.act("post_request_extension", body=told, request_id=made)
    if number % 8 == 0 or grown.is_measured:
        grown.act("post_request_decision", body={"code": "provided_whole"}, request_id=made)
        grown.ids["request_id"] = made
        grown.work("execute_requests")
    elif number % 2:
        grown.act("post_request_withdrawal", request_id=made)


def _request(kind: str, reference: str) -> dict[str, Any]:
    return _REQUEST | {"kind": kind, "reference": reference}


def _approvals(grown: Grown, number: int) -> None:
    """Erasures of calls that wait for a second person, who decides on some."""
    rule = {"enabled": True, "verbs": ["call_erasure"]}
    grown.act("put_approval_rule", body=rule)
    grown.act("put_approval_rule", "asks", body={"enabled": False, "verbs": []})
    asked = grown.act("delete_call", call_ref=f"ended-{number}")
    grown.act("delete_call", "again", call_ref=f"ended-{number}")
    if number % 3 == 0:
        grown.ids["approval"] = asked["id"]
    else:
        decision = "approve" if number % 3 == 1 else "veto"
        said = {"decision": decision, "digest": asked["digest"]}
        grown.act("post_approval", decision, http=grown.second, body=said, approval=asked["id"])


def _members(grown: Grown, number: int) -> None:
    """One more person of an account, who is signed in."""
    name = f"idp{number % _SIGN_INS}"
    said = {"issuer": "https://idp.example", "client_id": f"c{number}", "client_secret": "a secret of the test",
            "roles": [{"value": "staff", "role": "listener"}]}  # fmt: skip
    made = grown.act("put_sign_in_connection", body=said, name=name)
    if made.get("state") == "pending":  # A rule is on.
        approval = {"decision": "approve", "digest": made["digest"]}
        grown.act("post_approval", "member", http=grown.second, body=approval, approval=made["id"])
        made = grown.act("get_sign_in_connection", "approved", name=name)
    people = [_sign_in(grown, made["id"], number) for _ in range(2)]
    grown.act("post_removal", member=people[0][0])
    if number % 2:
        grown.act("post_readmission", member=people[0][0])
    grown.act("delete_console_session", session=_sign_in(grown, made["id"], number)[1])
    if number % 3 == 2:
        grown.act("delete_sign_in_connection", name=name)


def _sign_in(grown: Grown, connection: str, number: int) -> tuple[str, str]:
    """Let somebody have signed in by a provider; return the ids of the person and of the session."""
    house, account = grown.house, grown.tenant.id
    now, subject = datetime.now(UTC), new_id("sub")
    profile = Profile(name=f"P {number}", issuer="https://idp.example", subject=subject)
    sealed = house.call(house.vault.sign_in.members.opened.seal_profile, account, profile)
    identity = house.call(house.vault.sign_in.sign_in.data_keys.identity, account, profile.issuer, subject)
    roles = tuple(house.call(house.vault.database.read, lambda tx: tx.sign_in.roles(account)))
    person = PersonRow(
        id=new_id("per"), account_id=account, connection_id=connection, sealed_profile=sealed,
        role_ids=roles, first_at=now, last_at=now, removed_at=None, identity=identity,
    )  # fmt: skip
    session = ConsoleSession(
        id=new_id("cons"), key_id=None, account_id=account, scopes=SCOPES_OF_ROLE["listener"], sid=None,
        created_at=now, last_used_at=now, ends_at=now + MAX_LENGTH, ended_at=None, person_id=person.id,
    )  # fmt: skip

    def insert(tx: Any) -> None:
        tx.people.put(person)
        tx.console_sessions.insert(session, Token.new().digest)

    house.call(house.vault.database.write, insert)
    return person.id, session.id


ROUND: Final[tuple[Callable[[Grown, int], None], ...]] = (
    _calls, _webhooks, _recordings, _links, _objections_and_holds, _settings, _notices, _registers, _requests,
    _approvals, _members, grow_proposals, grow_pauses, grow_invited, grow_provisioning,
)  # fmt: skip


READ_AT_THE_END: Final = ("get_closure", "get_request_callback")


def end_what_grew(grown: Grown, size: int) -> None:
    """Do once, at each size, what ends a thing, to one that grew as often: a recording, a call, and the account."""
    grown.act("put_call", "new", body=CALL, call_ref=f"whole-{size}")
    recording = grown.upload("whole", call_ref=f"whole-{size}", recording_ref="r")
    for number in range(size):
        grown.act("put_call", body=CALL | {"agent": f"a{number}"}, call_ref=f"whole-{size}")
        grown.act("post_link", body={"listener": f"Kim {number}"}, recording=recording)
    grown.is_measured = True
    grown.act("put_restriction", "with links", body={}, recording=recording)
    grown.act("delete_recording", "with links", recording=recording)
    for _ in range(TIMES):
        # What the app does by itself meanwhile, such as a look at its limits, is not of an act.
        _end_and_begin_again(grown)
    grown.is_measured = False


def _end_and_begin_again(grown: Grown) -> None:
    for act, body in (
        ("post_closure", {"reason": "the end"}),
        ("delete_closure", None),
        ("put_request_callback", {"url": "https://crm.example/"}),
        ("delete_request_callback", None),
    ):
        grown.is_measured = True
        grown.act(act, body=body)
        if act in {"post_closure", "put_request_callback"}:
            grown.read("get_closure" if act == "post_closure" else "get_request_callback")
