"""What can happen to an account and its calls, each act with what its acknowledgement means."""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import update

from tests.services.consent.refusal_machine import Acts, Machine
from tests.services.consent.refusal_numbers import erase, erase_call, fact, hold, object_to, of_recording
from tests.services.consent.refusal_oracle import Call, Violation
from tests.support.parties import ME, ago, set_policy, tell, through_the_gate
from tests.support.service_house import URL, House, another_node, blocks_of, with_account
from tests.support.steered_line import SteeredLine, publish, with_platforms
from vault.database.schema.requests import person_requests
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import NO, Answer, Keys, Party
from vault.domain.notices.notice import Notice, NoticeMode
from vault.errors import AccountClosed, Refused, VaultError
from vault.services.playback.link_request import LinkRequest
from vault.simulator.call import CUSTOMER, LINE
from vault.thread_pools import Threads

_PARTIES: Final[tuple[Party, ...]] = ("caller", "callee", "agent")
_AUDIO: Final = b"RIFF" + bytes(400)


async def _document(m: Machine) -> None:
    line = m.steer(call := m.call())
    await line.ask("call")
    _note_played(line, call)


def _note_played(line: SteeredLine, call: Call) -> None:
    """Note the notices that the platform plays by the document it just got, also one inside the recording."""
    call.played |= set(re.findall("notice=(ntc_[0-9a-f]+)", " ".join(line.addresses.values())))


async def _heard(m: Machine) -> None:
    line = m.steer(call := m.call())
    await line.ask("heard")
    await _compare_evidence(m, call)
    _note_played(line, call)


async def _yes(m: Machine) -> None:
    line = m.steer(call := m.call())
    await line.ask("key", await _key_said(m, line, "agree, press", "accept"))
    await _compare_evidence(m, call)
    _note_played(line, call)


async def _key_said(m: Machine, line: SteeredLine, words: str, answer: str) -> str:
    """Return the key that the notice names after these words; without a notice that of the policy."""
    heard = await _notice_that_asked(m, line)
    if heard is not None and (said := re.search(f"{words} (.)", heard.text)):
        return said[1]
    return str(getattr(await _keys_of_policy(m), answer))


async def _notice_that_asked(m: Machine, line: SteeredLine) -> Notice | None:
    asked = re.search("notice=(ntc_[0-9a-f]+)", line.addresses.get("key", ""))
    return None if asked is None else await m.house.vault.consent.notices.read(m.house.account.id, asked[1])


async def _keys_of_policy(m: Machine) -> Keys:
    return (await m.house.database.read(lambda tx: tx.policies.current(m.house.account.id))).keys


async def _compare_evidence(m: Machine, call: Call) -> None:
    call_opener = m.house.vault.consent.call_documents.call_start.call_opener
    known = await call_opener.load_call(m.house.account.id, call.ref)
    m.oracle.check_evidence(call, list(known.events))


async def _no_by_key(m: Machine) -> None:
    line = m.steer(call := m.call())
    await _refuse(line, await _key_said(m, line, "recorded, press", "decline"))
    await m.oracle.said_no(m.house, call, "caller")


async def _objection_by_key(m: Machine) -> None:
    line = m.steer(call := m.call())
    heard = await _notice_that_asked(m, line)
    key = ((heard and heard.keys) or await _keys_of_policy(m)).object
    if key is None:
        return
    await _refuse(line, key)
    call.name(CUSTOMER)
    await m.oracle.said_no(m.house, call, "caller")
    if m.oracle.closed is None:
        await m.oracle.entered(m.house, CUSTOMER)


async def _refuse(line: SteeredLine, key: str) -> None:
    try:
        await line.ask("key", key)
    except Refused as error:
        if "no_next_url" not in error.reasons:
            raise Violation(f"a no by key was refused: {error.reasons}") from error


async def _consent(m: Machine) -> None:
    call, party = m.call(), m.chance.choice(_PARTIES)
    answers: list[Answer] = ["announced", "accepted", "accepted", "declined", "withdrawn"]
    answer = m.chance.choice(answers)
    m.did[-1] += f" {party} {answer}"
    at = datetime.now(UTC) + timedelta(
        seconds=m.chance.choice([0, 0, 0, -3600, 3600] if answer in NO else [0])
    )
    try:
        await tell(m.house, answer, party=party, method="form", at=at, call=call.ref)
    except AccountClosed:
        return
    except Refused as error:
        if answer in NO:
            raise Violation(f"a no was refused: {error.reasons}") from error
        raise
    if answer in NO:
        await m.oracle.said_no(m.house, call, party)
    elif answer == "accepted":
        call.against.discard(party)


async def _record(m: Machine) -> None:
    call = m.call()
    m.names += 1
    name = f"{call.ref}-{m.names}"
    if m.chance.random() < 0.5:
        said, number = of_recording(m)
        answer = await m.house.announce(name, call_ref=call.ref, url=f"{URL}?{name}", **said)
        recording_id = answer.recording_id
        if said and recording_id is not None:
            call.name(number)
    else:
        stored, _ = await m.house.vault.ingest.uploads.store(
            m.house.account.id, call.ref, name, blocks_of(_AUDIO), **ME
        )
        recording_id = stored.id
    if recording_id is not None:
        call.recordings.append(recording_id)
        await through_the_gate(m.house, recording_id)


async def _publish(m: Machine) -> None:
    mode: NoticeMode = m.chance.choice(["announce", "opt_out_key", "opt_in_key"])
    await publish(m.house, f"reason {m.names}", mode, refusal="" if mode != "announce" else "say so")
    m.names += 1


async def _retire(m: Machine) -> None:
    for notice in await m.house.vault.consent.notices.list(m.house.account.id, "published"):
        await m.house.vault.consent.notices.retire(m.house.account.id, notice.id, **ME)


async def _policy(m: Machine) -> None:
    withdrawal = m.chance.choice(["restrict", "erase"])
    accepts = m.chance.random() < 0.6
    more: dict[str, Any] = {"missing_evidence": "accept", "reason": "a test"} if accepts else {}
    mode = m.chance.choice(["none", "announce", "opt_out_key", "opt_in_key"])
    more["keys"] = m.chance.choice(
        [Keys(), Keys(decline="7"), Keys(accept="9", decline="1"), Keys(object="#")]
    )
    # Before: it may hold though the answer is lost.
    m.erases |= withdrawal == "erase"
    await set_policy(m.house, mode=mode, withdrawal=withdrawal, **more)
    m.erases = withdrawal == "erase"


async def _rule(m: Machine) -> None:
    rule = ApprovalRule(
        enabled=True, verbs=frozenset({"recording_erasure"}), version=1, changed_at=ago(1), changed_by="me"
    )
    await m.house.database.write(lambda tx: tx.approval_rules.set(m.house.account.id, rule))
    m.rule = True


async def _locale(m: Machine) -> None:
    locale = m.chance.choice(["en", "en-US", "fr-FR", "de-DE"])
    await m.house.vault.accounts.accounts.open(m.house.account.ref, name=None, locale=locale, **ME)


async def _end_objection(m: Machine) -> None:
    for number in sorted(m.oracle.objected):
        m.oracle.objected.discard(number)
        await m.house.vault.consent.objections.end(m.house.account.id, number, **ME)


async def _restrict(m: Machine) -> None:
    if chosen := await m.recording():
        await m.house.vault.recordings.recordings.restrict(
            m.house.account.id, chosen[1], restricted=True, reason=None, **ME
        )
        m.oracle.restricted.add(chosen[1])


async def _lift(m: Machine) -> None:
    for recording_id in sorted(one.id for one in m.rows.values() if one.restricted):
        m.oracle.restricted.discard(recording_id)
        await m.house.vault.recordings.recordings.restrict(
            m.house.account.id, recording_id, restricted=False, reason=None, **ME
        )


async def _link(m: Machine) -> None:
    if chosen := await m.recording():
        wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=5)
        _, token = await m.house.vault.playback.links.create(m.house.account.id, chosen[1], wish, **ME)
        await m.oracle.listen(m.house, chosen[1], token.text)


async def _reconnect(m: Machine) -> None:
    account_id, name = m.house.account.id, m.line.provider.name
    await m.house.vault.accounts.connections.delete(account_id, name, **ME)
    m.line.house = m.house
    await m.line.connect()


async def _restart(m: Machine) -> None:
    m.house = with_platforms(another_node(m.house, m.folder, m.threads))


async def _fail(m: Machine) -> None:
    m.fails = m.chance.choice(["before", "after"])


async def _close(m: Machine) -> None:
    account_id = m.house.account.id
    made, _ = await m.house.vault.requests.closures.ask(
        account_id, reason="The end.", export=False, actor="key_test"
    )
    past = update(person_requests).where(person_requests.c.id == made.id).values(due_at=ago(60))
    await m.house.database.write(lambda tx: tx.connection.execute(past) and None)
    await m.house.vault.jobs.execute_requests()
    if await m.house.database.read(lambda tx: tx.closures.has_begun(account_id)):
        await m.oracle.close(m.house)


_WEIGHTS: Final = {
    "fact": 5, "document": 5, "heard": 4, "no_by_key": 4, "objection_by_key": 3, "consent": 6, "record": 6,
    "publish": 3, "policy": 4, "lift": 4, "rule": 1, "close": 1, "erase": 1, "erase_call": 1, "hold": 1, "locale": 1,
}  # fmt: skip
_ACTS: Final = (
    fact, _document, _heard, _yes, _no_by_key, _objection_by_key, _consent, _record, _publish, _retire, _policy,
    _rule, _locale,
    object_to, _end_objection, _restrict, _lift, _link, hold, erase, erase_call, _reconnect, _restart, _fail, _close,
)  # fmt: skip
ACTS: Final[Acts] = {
    name: (one, _WEIGHTS.get(name, 2)) for one in _ACTS for name in [one.__name__.strip("_")]
}


async def play(house: House, seed: int, folder: Path, threads: Threads, *, steps: int = 25) -> None:
    """Open an account with two calls, and do the acts of a seed. Raises Violation."""
    own = with_platforms(await with_account(house, f"account-{seed}"))
    made = Machine(own, seed, folder, threads, ACTS)
    await made.line.connect()
    await _policy(made)
    for _ in range(2):
        call = made.line.new_call()
        made.oracle.calls[call.ref] = Call(ref=call.ref, numbers={CUSTOMER, LINE})
        made.addresses[call.ref] = {}
        facts = CallFacts(call_ref=call.ref, direction="inbound", caller=CUSTOMER, callee=LINE)
        await own.vault.recordings.calls.start(own.account.id, facts)
    # Most have something to hear: after a first no nothing more of a call becomes available.
    begun = [_record] * made.chance.randrange(4)
    if made.chance.random() < 0.3:  # Some have an objection before.
        begun.insert(0, object_to)
    for act in begun:
        with contextlib.suppress(VaultError):
            await act(made)
        made.rows = await made.oracle.check(own, made.rows)
    await made.run(steps)
