"""The journal of closing acts: how long its objects lie there, what they cost, and what of them is believed."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from tests.services.closing_acts.closing_verbs import NUMBER, VERBS, prepared
from tests.services.closing_acts.test_closing import acts_in, journal_of, keeper, puts
from tests.support.parties import ME, set_policy, tell
from tests.support.restoring import copied, house_over, write_all
from tests.support.rotation import finish, rotate
from tests.support.service_house import SIGNER, House, another_node
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.access_log import checkpoints
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CallFacts
from vault.domain.stored.closing_acts import Act, decode_acts, encode_acts, location_of
from vault.domain.stored.closing_content import ConsentRefusal
from vault.thread_pools import Threads
from vault.tlog.note import MAX_NOTE_BYTES, Signer, open_note, sign_note

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def kept_up(house: House) -> None:
    """Let the worker do all that it can about acts."""
    while await keeper(house)():
        pass


async def anchored(house: House, *, at: datetime | None) -> None:
    """Say of every checkpoint when it was anchored, or that it was not."""
    await house.database.write(
        lambda tx: tx.connection.execute(update(checkpoints).values(anchored_at=at)) and None
    )


async def test_an_object_goes_once_something_else_says_the_act(house: House):
    """The published log, for an objection the account's object too, for the end of a recording its tombstone.

    A no and the erasure of a call, also one that waits, lie for good.
    """
    things = await prepared(house)
    for name, verb in VERBS.items():
        await verb.close(house, things[name])
    await kept_up(house)
    objects = len(VERBS) + 5  # Four holds were placed before, and a restriction has a cause more.
    assert len(acts_in(house)) == objects  # Nothing is published yet.
    there = dict(house.objects.objects)
    while await house.vault.jobs.log_publisher.sequence():
        pass
    await replace(
        house.vault.jobs.log_publisher, sign_interval=house.vault.jobs.log_publisher.sign_interval * 0
    ).sign()
    await house.vault.jobs.log_publisher.publish()
    await anchored(house, at=None)
    await kept_up(house)
    assert len(acts_in(house)) == objects  # What no anchor has may be of a history that loses.
    await anchored(house, at=NOW)
    await kept_up(house)
    left = sorted(kind for kinds in acts_in(house).values() for kind in kinds)
    # Neither the tombstones nor the new manifest are written yet.
    ends = ["recording.erasing", "recording.redacted", "recording.refused"]
    # The account's object says the cuts: one of a recording, two beside revoked links, and those of two restrictions.
    links = [*["link.cut"] * 5, "link.revoked", "link.revoked", "link_key.deleted"]
    restricted = ["recording.restricted", "recording.restricted"]
    approved = ["approval.executed", "approval.executed", "approval_rule.tightened"]
    assert left == [
        "account.closure_withdrawn",
        *approved,
        "consent.told",
        *["hold.placed"] * 5,
        *["hold.released"] * 2,
        "integration.ended",
        "integration.removing",
        *links,
        "objection.entered",
        *ends,
        *restricted,
        "request.decided",
        "retention.changed",
        "step_up.required",
    ]
    while await house.vault.jobs.remove_erased():
        pass
    await write_all(house)
    await kept_up(house)
    assert acts_in(house) == {}
    kept = [kind for kinds in acts_in(house, "closed/").values() for kind in kinds]
    assert sorted(kept) == ["call.erased", "call.pending_erasure", *["consent.told"] * 3]
    before = puts(house)
    assert not await keeper(house).any_due()
    assert not await keeper(house)()
    assert puts(house) == before
    # A bucket that was set back shows them once more: the database knows each of them.
    house.objects.objects = there
    assert acts_in(house) != {}
    assert await journal_of(house).missing(house.database, kept=True) == []


async def test_a_no_outlives_every_backup_and_every_rotation(house: House, tmp_path: Path, threads: Threads):
    """It lies for good, sealed again under the key of today, and comes back to a database from before it."""
    await set_policy(house)
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1"))
    old = copied(house, tmp_path / "old")
    await tell(house, "declined")
    await write_all(house)
    await kept_up(house)
    await rotate(house)
    await finish(house)
    await write_all(house)
    await kept_up(house)
    assert acts_in(house) == {}
    ((location, _),) = acts_in(house, "closed/").items()
    text = open_note(bytes(house.objects.objects[location].body), [SIGNER.verifier]).text
    (act,) = decode_acts(text, location)
    assert isinstance(act.content, ConsentRefusal)
    assert act.content.key_version == 2
    async with house_over(house, SqliteDatabase(old), threads) as late:
        assert await journal_of(late).missing(late.database) == []
        (missing,) = await journal_of(late).missing(late.database, kept=True)
        assert missing == act
        # The leaf came in with the log, at its own place.
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act, logged=True))
        rows = await late.database.read(lambda tx: tx.consents.of_call(house.account.id, "call-1"))
        assert [(row.id, row.sealed_event) for row in rows] == [(act.content.id, act.content.sealed_event)]
        assert await journal_of(late).missing(late.database, kept=True) == []


async def test_what_was_destroyed_stays_so(house: House, tmp_path: Path, threads: Threads):
    """A version of the account's key that an older database still has goes from it, once it knows a later one."""
    await rotate(house)
    old = copied(house, tmp_path / "old")
    await finish(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        assert act.event.type == "key.destroyed"
        versions = await late.database.read(lambda tx: set(tx.rotations.wrapped_keys()))
        assert versions == {(house.account.id, 1), (house.account.id, 2)}
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
        versions = await late.database.read(lambda tx: set(tx.rotations.wrapped_keys()))
        assert versions == {(house.account.id, 2)}


async def test_a_number_that_was_let_go_stays_let_go(house: House, tmp_path: Path, threads: Threads):
    """An objection that the database knows is not entered again, and one that it lost is entered once."""
    old = copied(house, tmp_path / "old")
    await house.vault.consent.objections.enter(house.account.id, NUMBER, reason=None, **ME)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
        await late.vault.consent.objections.end(house.account.id, NUMBER, **ME)
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
        assert await late.vault.consent.objections.list(house.account.id, after=None, limit=9) == []


async def test_an_objection_holds_without_the_key_of_its_number(
    house: House, tmp_path: Path, threads: Threads
):
    """One that comes from another history may be sealed under a key that this one destroyed: the list still opens."""
    old = copied(house, tmp_path / "old")
    await house.vault.consent.objections.enter(house.account.id, NUMBER, reason=None, **ME)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        await rotate(late)
        await finish(late)
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
        (listed,) = await late.vault.consent.objections.list(house.account.id, after=None, limit=9)
        assert listed.number is None
        entered, new = await late.vault.consent.objections.enter(house.account.id, NUMBER, reason=None, **ME)
        assert (entered.id, entered.number, new) == (listed.id, NUMBER, False)
        await late.vault.consent.objections.end(house.account.id, NUMBER, **ME)
        assert await late.vault.consent.objections.list(house.account.id, after=None, limit=9) == []


async def test_the_closed_one_wins(house: House, tmp_path: Path, threads: Threads):
    """Who switched off and on again in a database that had lost an off did not know of it: it is off."""
    old = copied(house, tmp_path / "old")
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason="holidays", **ME)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        await late.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
        await late.vault.accounts.switch.set(house.account.id, enabled=True, reason=None, **ME)
        (act,) = await journal_of(late).missing(late.database)
        for _ in range(2):
            await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
            history = await late.vault.accounts.switch.history(house.account.id)
            assert [one.enabled for one in history] == [True, False, False, True, False]
        assert [one.reason for one in history] == [None, "holidays", None, None, "holidays"]
        assert [one.epoch for one in history] == [0, 1, 2, 2, 3]


async def test_many_acts_of_one_transaction_share_objects(house: House, tmp_path: Path, threads: Threads):
    """Each object stays below the limit of a note, and none of the acts is left out."""
    old = copied(house, tmp_path / "old")
    same = {"at": NOW, "account_id": house.account.id, "actor": "key_1"}
    links = [AccessEvent(type="link.revoked", link_id=f"link_{n}", **same) for n in range(450)]
    call = "\N{PERFORMING ARTS}" * 200
    calls = [AccessEvent(type="call.erased", subject=call, **same) for _ in range(60)]
    await house.vault.database.write(lambda tx: [tx.events.append(one) for one in links + calls] and None)
    sizes = [len(kept.body) for key, kept in house.objects.objects.items() if key.startswith("closing/")]
    assert len(sizes) == 3 + 3 - 1
    assert max(sizes) < MAX_NOTE_BYTES
    async with house_over(house, SqliteDatabase(old), threads) as late:
        found = await journal_of(late).missing(late.database)
        assert {act.event.id for act in found} == {one.id for one in links + calls}


async def test_off_needs_no_key_service(house: House, tmp_path: Path, threads: Threads):
    """Its object is made of what is in the database; and the worker that puts what a crash left needs no key either."""
    node = another_node(house, tmp_path, threads)  # It has no key in memory.
    house.root_key.reachable = False
    await node.vault.accounts.switch.set(house.account.id, enabled=False, reason="holidays", **ME)
    assert [*acts_in(house).values()] == [["switch.changed"]]
    house.objects.objects.clear()
    assert await keeper(another_node(house, tmp_path, threads))()
    assert [*acts_in(house).values()] == [["switch.changed"]]


async def test_what_nobody_signed_is_passed_over(house: House, tmp_path: Path, threads: Threads):
    """Forged, foreign, cut, moved, huge or misnamed objects are findings, and the true one beside them counts."""
    old = copied(house, tmp_path / "old")
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    ((true, _),) = acts_in(house).items()
    body = bytes(house.objects.objects[true].body)
    foreign = Signer(name=SIGNER.name, secret=secrets.token_bytes(32))
    event = AccessEvent(type="key.revoked", at=NOW, account_id=None, actor="x", result="key_1")
    act = Act(event=event, leaf=event.body, batch=event.id)
    opening = AccessEvent(type="link.created", at=NOW, account_id=None, actor="x")
    hostile = {
        location_of(None, event.id): sign_note(encode_acts([act]), [foreign]),
        location_of("acct_0", "evt_1"): body,  # Another account's.
        location_of(house.account.id, "evt_2"): body,  # Another act's.
        location_of(house.account.id, "evt_3"): body[:-7],
        location_of(house.account.id, "evt_4"): body.replace(b'"content"', b'"Content"'),
        location_of(house.account.id, "evt_5"): b"",
        location_of(house.account.id, "evt_6"): b"\xff" * 100,
        location_of(house.account.id, "evt_7"): b"x" * (2 * 1024 * 1024),
        location_of(None, opening.id): sign_note(
            encode_acts([Act(event=opening, leaf=opening.body, batch=opening.id)]), [SIGNER]
        ),
        location_of(None, "evt_8"): sign_note("callvault closing acts v1\nvault\n{}\n", [SIGNER]),
        location_of(None, "evt_9"): sign_note("callvault closing acts v1\nvault\n[[[\n", [SIGNER]),
        location_of(None, "evt_a"): sign_note("callvault closing acts v1\nvault\n", [SIGNER]),
        "closing/stray": b"x",
        "closing/acct_0/evt_x/y": b"x",
        "closed/acct_0/note": b"x",
    }
    for key, forged in hostile.items():
        await house.objects.put(key, forged)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        findings: list[str] = []
        found = await journal_of(late).missing(late.database, kept=True, findings=findings)
        assert [(one.event.type, one.location) for one in found] == [("switch.changed", true)]
        assert sorted(line.partition(": ")[0] for line in findings) == sorted(hostile)
    assert await journal_of(house).missing(house.database) == []
