"""Every verb that closes something: how it is done, and how one sees on any database that it is closed."""

from datetime import UTC, datetime
from typing import Any, Final

from tests.services.closing_acts import closing_people as people
from tests.services.closing_acts import closing_provisioning as directory
from tests.services.closing_acts import link_verbs as links
from tests.services.closing_acts import request_verbs as requests
from tests.services.closing_acts.approval_verbs import APPROVAL_VERBS
from tests.services.closing_acts.integration_verbs import INTEGRATION_VERBS
from tests.services.closing_acts.redaction_verb import REDACTION
from tests.services.closing_acts.verb import Verb
from tests.support.parties import ME, PARTIES, causes, kept_apart, let_in, set_policy, tell
from tests.support.retention import place
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import GONE, State
from vault.domain.retention.period import Period
from vault.domain.retention.policy import RetentionClass, RetentionPolicy
from vault.errors import NotAuthentic
from vault.services.accounts.connections import ConnectionRequest

NUMBER = "+33123456780"
_SECRET = "whsec_" + "bmV3" * 8


async def _nothing(_house: House, name: str) -> str:
    return name


async def _recording(house: House, name: str) -> str:
    return await let_in(house, name, call_ref=f"call-{name}")


async def _quarantined(house: House, name: str) -> str:
    return await kept_apart(house, name, call_ref=f"call-{name}")


async def _call(house: House, name: str) -> str:
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref=f"call-{name}", **_FACTS))
    return f"call-{name}"


_FACTS: dict[str, Any] = {"direction": "inbound", "caller": PARTIES["from"], "callee": PARTIES["to"]}


async def _key(house: House, name: str, *, vault: bool = False) -> tuple[str, str]:
    account_id = None if vault else house.account.id
    key, token = await house.vault.accounts.api_keys.issue(
        name=name, scopes=["*"], account_id=account_id, **ME
    )
    return key.id, token.text


async def _vaults_key(house: House, name: str) -> tuple[str, str]:
    return await _key(house, name, vault=True)


async def _connection(house: House, name: str) -> str:
    wish = ConnectionRequest(provider="platform", credentials={"secret": _SECRET})
    await house.vault.accounts.connections.set(house.account.id, name, wish, **ME)
    return name


async def _off(house: House, _: Any) -> None:
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason="holidays", **ME)


async def _is_off(house: House, _: Any) -> bool:
    return not (await house.vault.accounts.switch.read(house.account.id)).enabled


async def _object(house: House, _: Any) -> None:
    await house.vault.consent.objections.enter(house.account.id, NUMBER, reason="asked by letter", **ME)


async def _objected(house: House, _: Any) -> bool:
    found = await house.vault.consent.objections.list(house.account.id, after=None, limit=10)
    return [(one.number, one.objection.reason) for one in found] == [(NUMBER, "asked by letter")]


async def _decline(house: House, call: str) -> None:
    await tell(house, "declined", call=call)


async def _withdraw(house: House, recording_id: str) -> None:
    await tell(house, "withdrawn", call=(await house.row(recording_id)).call_ref)


async def _is_no(house: House, call: str) -> bool:
    seen = await house.vault.recordings.calls.read(house.account.id, call)
    return "declined" in {ground.code for ground in seen.decision.grounds}


async def _is_withdrawn(house: House, recording_id: str) -> bool:
    row = await house.row(recording_id)
    seen = await house.vault.recordings.calls.read(house.account.id, row.call_ref)
    return row.restricted and "withdrawn" in {ground.code for ground in seen.decision.grounds}


async def _erase(house: House, recording_id: str) -> None:
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)


async def _is_erased(house: House, recording_id: str) -> bool:
    return await house.state(recording_id) in GONE and await house.keys_gone(recording_id)


async def _erase_call(house: House, call: str) -> None:
    await house.vault.recordings.calls.erase(house.account.id, call, **ME)


async def _is_forgotten(house: House, call: str) -> bool:
    return not await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, call))


async def _restrict(house: House, recording_id: str) -> None:
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason=None, **ME
    )


async def _is_restricted(house: House, recording_id: str) -> bool:
    return (await house.row(recording_id)).restricted and await causes(house, recording_id) == ["admin"]


async def _refuse(house: House, recording_id: str) -> None:
    await house.vault.recordings.quarantine.refuse(
        house.account.id, recording_id, reason="nobody asked", **ME
    )


async def _is_refused(house: House, recording_id: str) -> bool:
    return await house.state(recording_id) is State.REFUSED and await house.keys_gone(recording_id)


async def _revoke_key(house: House, key: tuple[str, str]) -> None:
    await house.vault.accounts.api_keys.revoke(key[0], account_id=None, **ME)


async def _key_revoked(house: House, key: tuple[str, str]) -> bool:
    try:
        await house.vault.accounts.api_keys.authenticate(key[1])
    except NotAuthentic:
        return True
    return False


async def _delete_connection(house: House, name: str) -> None:
    await house.vault.accounts.connections.delete(house.account.id, name, **ME)


async def _connection_gone(house: House, name: str) -> bool:
    return await house.database.read(lambda tx: tx.connections.find(house.account.id, name)) is None


async def _hold(house: House, _: Any) -> None:
    await place(house, calls=["held"])


async def _is_held(house: House, _: Any) -> bool:
    found = await house.vault.retention.holds.page(house.account.id, after=None, limit=100)
    return any("held" in view.hold.covers.calls for view in found)


async def _held_recording(house: House, name: str) -> str:
    recording_id = await _recording(house, name)
    await place(house, recordings=[recording_id])
    return recording_id


async def _withdraw_for_good(house: House, recording_id: str) -> None:
    await set_policy(house, withdrawal="erase")
    try:
        await _withdraw(house, recording_id)
    finally:
        await set_policy(house)


async def _waits(house: House, recording_id: str) -> bool:
    waits = await house.database.read(lambda tx: tx.pending_erasures.get(recording_id))
    return waits is not None and (await house.row(recording_id)).restricted


async def _ended_contact(house: House, name: str) -> str:
    recording_id = await _recording(house, name)
    await house.vault.retention.contact_ends.end(
        house.account.id, numbers=(), calls=[f"call-{name}"], ended_at=datetime.now(UTC), **ME
    )
    return recording_id


async def _continue_contact(house: House, recording_id: str) -> None:
    call = (await house.row(recording_id)).call_ref
    await house.vault.retention.contact_ends.withdraw(house.account.id, numbers=(), calls=[call], **ME)


async def _contact_goes_on(house: House, recording_id: str) -> bool:
    known = await house.database.read(lambda tx: tx.contact_ends.of_recordings([recording_id]))
    return known[recording_id].ended_at is None


async def _retain(house: House, _: Any) -> None:
    wanted = RetentionPolicy(classes=(RetentionClass(name="all", purpose="Quality", period=Period(12, 0)),))
    preview = await house.vault.retention.preview(house.account.id, wanted)
    await house.vault.retention.policy.set(
        house.account.id, wanted, if_version=None, digest=preview.digest, **ME
    )


async def _is_retained(house: House, _: Any) -> bool:
    return (await house.vault.retention.policy.read(house.account.id)).newest.version == 1


#: The switch comes last: it closes the way in for the others.
VERBS: Final[dict[str, Verb]] = {
    "objection": Verb(kind="objection.entered", prepare=_nothing, close=_object, closed=_objected),
    "decline": Verb(kind="consent.told", prepare=_call, close=_decline, closed=_is_no),
    "withdrawal": Verb(kind="consent.told", prepare=_recording, close=_withdraw, closed=_is_withdrawn),
    "erasure": Verb(kind="recording.erasing", prepare=_recording, close=_erase, closed=_is_erased),
    "redaction": Verb(kind="recording.redacted", prepare=_recording, **REDACTION),
    "call": Verb(kind="call.erased", prepare=_call, close=_erase_call, closed=_is_forgotten),
    "restriction": Verb(
        kind="recording.restricted", prepare=_recording, close=_restrict, closed=_is_restricted
    ),
    "another restriction": Verb(kind="recording.restricted", **requests.RESTRICTION),
    "refusal": Verb(kind="recording.refused", prepare=_quarantined, close=_refuse, closed=_is_refused),
    "link": Verb(
        kind="link.revoked", prepare=links.link, close=links.revoke_link, closed=links.links_revoked
    ),
    "links": Verb(
        kind="link.revoked", prepare=links.links, close=links.revoke_links, closed=links.links_revoked
    ),
    "link-key": Verb(
        kind="link_key.deleted",
        prepare=links.link_key,
        close=links.delete_link_key,
        closed=links.link_key_gone,
    ),
    "cut": Verb(kind="link.cut", prepare=links.heard, close=links.cut_listener, closed=links.is_cut),
    "cut_recording": Verb(
        kind="link.cut", prepare=links.heard, close=links.cut_recording, closed=links.is_cut
    ),
    "key": Verb(kind="key.revoked", prepare=_key, close=_revoke_key, closed=_key_revoked),
    "vault's key": Verb(kind="key.revoked", prepare=_vaults_key, close=_revoke_key, closed=_key_revoked),
    "console session": Verb(kind="console.ended", **people.CONSOLE_SESSION),
    "connection": Verb(
        kind="connection.deleted", prepare=_connection, close=_delete_connection, closed=_connection_gone
    ),
    "hold": Verb(kind="hold.placed", prepare=_nothing, close=_hold, closed=_is_held),
    **APPROVAL_VERBS,
    **INTEGRATION_VERBS,
    "erasure that waits": Verb(
        kind="recording.pending_erasure",
        prepare=_held_recording,
        close=_withdraw_for_good,
        closed=_waits,
    ),
    "erasure of a call that waits": Verb(
        kind="call.pending_erasure", prepare=_call, close=requests.await_call, closed=requests.call_waits
    ),
    "end of a contact taken back": Verb(
        kind="recording.contact_end_withdrawn",
        prepare=_ended_contact,
        close=_continue_contact,
        closed=_contact_goes_on,
    ),
    "decision": Verb(
        kind="request.decided", prepare=requests.asked, close=requests.decide, closed=requests.is_decided
    ),
    "closure taken back": Verb(
        kind="account.closure_withdrawn",
        prepare=requests.asked_closure,
        close=requests.take_closure_back,
        closed=requests.closure_is_withdrawn,
    ),
    "retention": Verb(kind="retention.changed", prepare=_nothing, close=_retain, closed=_is_retained),
    "sign-in": Verb(kind="sign_in.deleted", **people.SIGN_IN),
    "role": Verb(kind="role.revoked", **people.ROLE),
    "member": Verb(kind="member.removed", **people.MEMBER),
    "invitation": Verb(kind="invitation.ended", **people.INVITATION),
    "passkey": Verb(kind="passkey.removed", **people.PASSKEY),
    "provisioned user": Verb(kind="provisioned_user.deactivated", **directory.USER),
    "provisioning token": Verb(kind="provisioning_token.revoked", **directory.TOKEN),
    "switch": Verb(kind="switch.changed", prepare=_nothing, close=_off, closed=_is_off),
}


async def prepared(house: House) -> dict[str, Any]:
    """Make what all verbs close; return it by the verb's name."""
    await set_policy(house)
    return {name: await verb.prepare(house, name) for name, verb in VERBS.items()}
