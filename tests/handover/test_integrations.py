"""Integrations: their keys, pauses and ends, what leaves for whom, and calls from before."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.fakes.crm import HOST, KEY, NotebookPeer
from tests.support.handing import (
    ANN,
    CUSTOMER,
    ME,
    OWN,
    VENDOR,
    activate,
    all_handovers,
    call,
    erase,
    follow,
    hand_over,
    logged,
    restrict,
    states,
    with_connection,
)
from tests.support.service_house import House, with_account
from vault.database.schema.handover import handovers, integrations
from vault.database.schema.outbox import outbox_messages
from vault.domain.handover.integration import HandoverPolicy
from vault.errors import Invalid, NotFound, Refused
from vault.services.handover.credentials import IntegrationChange

_EVER: Any = {"since": datetime(2020, 1, 1, tzinfo=UTC), "until": datetime(2100, 1, 1, tzinfo=UTC)}


async def test_case_7_a_refused_key_is_said_once(either: House, peer: NotebookPeer):
    """Nothing more is asked; with a new key removals go first, and what waited is written."""
    peer.contacts = [ANN]
    view = await activate(either)
    first = await call(either)
    await hand_over(either)
    peer.keys = {"nb-other"}
    for ref in ("rec-2", "rec-3"):
        await call(either, ref)
    both = asyncio.Barrier(2)

    async def meanwhile(_name: str) -> None:
        async with asyncio.timeout(20):
            await both.wait()

    peer.meanwhile = meanwhile
    await hand_over(either)
    peer.meanwhile = None
    await hand_over(either, rounds=2)
    # Both were on their way at the same time.
    assert peer.requests.count("GET /contacts") == 3
    await erase(either, first)
    await hand_over(either, rounds=3)
    assert peer.requests[-1] == "GET /contacts"
    assert (await logged(either)).count("integration.needs_authorization") == 1
    assert sorted(await states(either)) == ["present", "waiting", "waiting"]
    seen = await either.vault.handover.integrations.read(either.account.id, view.integration.id)
    assert seen.integration.unauthorized_since is not None
    before = len(peer.requests)
    new = IntegrationChange(key="nb-other")
    await either.vault.handover.integrations.change(either.account.id, view.integration.id, new, **ME)
    await hand_over(either, rounds=3)
    assert peer.requests[before] == "PATCH /records/r1"
    assert sorted(await states(either)) == ["absent", "present", "present"]
    assert len(peer.records) == 2


async def test_a_pause_holds_writes_and_no_removal(either: House, peer: NotebookPeer):
    """What becomes available meanwhile is handed over when it is resumed."""
    peer.contacts = [ANN]
    view = await activate(either)
    first = await call(either)
    await hand_over(either)
    verbs = either.vault.handover.integrations
    await verbs.pause(either.account.id, view.integration.id, **ME)
    await call(either, "rec-2")
    await erase(either, first)
    await hand_over(either, rounds=2)
    assert peer.records == {}
    assert sorted(await states(either)) == ["absent", "waiting"]
    await verbs.resume(either.account.id, view.integration.id, **ME)
    await hand_over(either)
    assert len(peer.records) == 1


async def test_case_18_nothing_is_written_while_recording_is_off(either: House, peer: NotebookPeer):
    """Switched off between the queue and the sending; what stands there is still removed."""
    peer.contacts = [ANN]
    await activate(either)
    first = await call(either)
    await hand_over(either)
    await call(either, "rec-2")
    await follow(either)
    await either.vault.accounts.switch.set(either.account.id, enabled=False, reason="holidays", **ME)
    await hand_over(either, rounds=2)
    assert len(peer.records) == 1
    assert sorted(await states(either)) == ["present", "unmatched switched_off"]
    await erase(either, first)
    await hand_over(either)
    assert peer.records == {}


async def test_case_39_an_end_removes_everything_before(either: House, peer: NotebookPeer):
    """Then it has ended by itself, and hands nothing over any more."""
    peer.contacts = [ANN]
    view = await activate(either)
    for ref in ("rec-1", "rec-2"):
        await call(either, ref)
    await hand_over(either)
    verbs, name = either.vault.handover.integrations, (either.account.id, view.integration.id)
    assert (await verbs.end(*name, removes=True, **ME)).integration.state == "removing"
    await call(either, "rec-3")
    await hand_over(either)
    assert peer.records == {}
    await follow(either)
    assert (await verbs.read(*name)).integration.state == "ended"
    assert (await logged(either))[-1] == "integration.ended"
    ended = (await either.vault.handover.integrations.read(*name)).integration
    assert ended.sealed == ""
    (vendor,) = await either.vault.registers.recipients.page(either.account.id, before=None, limit=9)
    assert (vendor.id, vendor.content.name) == (view.integration.recipient_id, "Notebook Inc.")
    assert vendor.content.until is not None
    with pytest.raises(Refused):
        await verbs.resume(*name, **ME)
    with pytest.raises(Refused):
        await verbs.change(*name, IntegrationChange(description="again"), **ME)


async def test_an_end_without_removal_leaves_what_stands(either: House, peer: NotebookPeer):
    """As the account has chosen."""
    peer.contacts = [ANN]
    view = await activate(either)
    await call(either)
    await hand_over(either)
    ended = await either.vault.handover.integrations.end(
        either.account.id, view.integration.id, removes=False, **ME
    )
    assert ended.integration.state == "ended"
    await hand_over(either)
    assert len(peer.records) == 1


async def test_a_restriction_removes_if_the_policy_says_so(either: House, peer: NotebookPeer):
    """And the end of it writes it again."""
    peer.contacts = [ANN]
    await activate(either, on_restriction="remove")
    recording_id = await call(either)
    await hand_over(either)
    await restrict(either, recording_id, restricted=True)
    await hand_over(either)
    assert peer.records == {}
    await restrict(either, recording_id, restricted=False)
    await hand_over(either)
    assert len(peer.records) == 1


async def test_case_21_accounts_are_apart(either: House, peer: NotebookPeer):
    """One portal of two accounts: each has its own record, and ids of the other account are not found."""
    peer.contacts = [ANN]
    other = await with_account(either, "other")
    mine, theirs = await activate(either), await activate(other)
    recording_id = await call(either)
    await call(other, "rec-other")
    await hand_over(either)
    assert len(peer.records) == 2
    (handover,) = await all_handovers(either)
    verbs = other.vault.handover
    for refused in (
        verbs.integrations.read(other.account.id, mine.integration.id),
        verbs.integrations.change(other.account.id, mine.integration.id, IntegrationChange(), **ME),
        verbs.integrations.end(other.account.id, mine.integration.id, removes=True, **ME),
        verbs.handovers.read(other.account.id, handover.id),
        verbs.handovers.decide(other.account.id, handover.id, None, **ME),
        verbs.earlier_calls.preview(other.account.id, mine.integration.id, **ME),
        verbs.earlier_calls.back_fill(other.account.id, mine.integration.id, expected=None, **_EVER, **ME),
    ):
        with pytest.raises(NotFound):
            await refused
    await erase(either, recording_id)
    await hand_over(either)
    assert len(peer.records) == 1
    assert theirs.integration.id in {one.integration_id for one in await all_handovers(other)}


async def test_case_23_nothing_personal_or_secret_in_clear(either: House, peer: NotebookPeer):
    """Neither in the rows of hand-over, nor in the outbox, nor in the log; the key is in no answer."""
    peer.contacts = [ANN]
    view = await activate(either)
    await call(either)
    await hand_over(either)
    assert KEY not in repr(view)
    queries = [select(text("*")).select_from(one) for one in (integrations, handovers, outbox_messages)]
    rows = await either.database.read(
        lambda tx: [tuple(row) for query in queries for row in tx.connection.execute(query)]
    )
    leaves = await either.database.read(
        lambda tx: list(tx.connection.execute(text("SELECT body FROM access_events")))
    )
    for secret in (KEY, CUSTOMER, OWN, "Beatrice", "Annabelle", "Notebook Inc.", '"r1"', HOST):
        assert secret not in str(rows), secret
        assert secret not in str(leaves), secret


async def test_what_is_wrong_at_activation_is_named(either: House, peer: NotebookPeer):
    """By its field."""
    wanted = IntegrationChange(key=KEY, settings={})
    verbs = either.vault.handover.integrations
    foreign = replace(wanted, policy=HandoverPolicy(connections=("conn_none",)))
    for system, change, field in (
        ("nosuch", wanted, "system"),
        ("notebook", replace(wanted, key="wrong"), "key"),
        ("notebook", replace(wanted, key=None), "key"),
        ("notebook", replace(wanted, settings={"portal": "x"}), "settings"),
        ("notebook", foreign, "policy.connections"),
    ):
        with pytest.raises(Invalid) as refused:
            await verbs.activate(either.account.id, system, change, vendor=VENDOR, **ME)
        assert refused.value.field == field
    for vendor, field in (
        (replace(VENDOR, country="us"), "country"),
        (replace(VENDOR, name=" "), "recipient"),
    ):
        with pytest.raises(Invalid) as refused:
            await verbs.activate(either.account.id, "notebook", wanted, vendor=vendor, **ME)
        assert refused.value.field == field
    assert await either.vault.registers.recipients.page(either.account.id, before=None, limit=9) == []
    assert peer.requests == []


async def test_calls_of_other_connections_are_not_handed_over(either: House, peer: NotebookPeer):
    """By the policy: what arrives by another one of the account stays."""
    peer.contacts = [ANN]
    other = await with_connection(either, "second")
    await activate(either, connections=(either.connection_id,))
    await call(other, "rec-other")
    mine = await call(either)
    await hand_over(either)
    assert len(peer.records) == 1
    assert [one.recording_id for one in await all_handovers(either)] == [mine]


async def test_removals_go_first(either: House, peer: NotebookPeer):
    """While something is to be removed now, nothing is looked up: both are due, and begin at the same time."""
    peer.contacts = [ANN]
    view = await activate(either)
    first = await call(either)
    await hand_over(either)
    await either.vault.handover.integrations.pause(either.account.id, view.integration.id, **ME)
    await call(either, "rec-2")
    await follow(either)
    await erase(either, first)
    await either.vault.handover.integrations.resume(either.account.id, view.integration.id, **ME)
    before, during = len(peer.requests), list[str]()

    async def meanwhile(name: str) -> None:
        if name == "PATCH /records":
            peer.meanwhile = None
            await asyncio.sleep(0.5)
            during.extend(peer.requests[before:])

    peer.meanwhile = meanwhile
    await hand_over(either, rounds=3)
    assert during == ["PATCH /records/r1"]
    assert sorted(await states(either)) == ["absent", "present"]
