"""Lists on SQLite: a page is read from an index in its order, and an act on some rows reads only these.

Nobody analyses a SQLite file, so the planner does not know that an account has nearly all rows.

Acts on the recordings of some states, on SQLite: they read these rows by their index, not the archive.

What a page of recordings decrypts: the facts of a call once, however many of its recordings are on the page.
"""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from sqlalchemy import event

from tests.support.parties import set_policy, through_the_gate
from tests.support.service_house import House
from vault.database.schema.accounts import SET_ASIDE
from vault.database.stores.backup.restore_recordings import RestoredRecordings
from vault.database.stores.handover.handovers import HandoverFilter
from vault.database.stores.playback.links import LinkFilter
from vault.database.stores.recordings.recording_names import name_taken, named_values
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.domain.calls.call import CallFacts
from vault.domain.handover.handover import HandoverState
from vault.domain.reason import Reason
from vault.domain.recordings.recording import WORK, RecordingFilter, State
from vault.services.shared import encrypted_fields

_SORTS = "USE TEMP B-TREE"
_INDEX = dict.fromkeys(SET_ASIDE, "ix_recordings_set_aside") | dict.fromkeys(WORK, "ix_recordings_waiting")
_BY_LINK = {
    "ix_links_account (account_id=?": LinkFilter(),
    "ix_links_recording (account_id=? AND recording_id=?": LinkFilter(recording_id="rec_x"),
    "ix_links_listener (account_id=? AND listener_term=?": LinkFilter(listener=b"x"),
}
_REASON = Reason(code="switched_off", text="The account's switch is off.")
_ACTS: dict[str, Callable[[Any, str], object]] = {
    "recordings whose host is back": lambda tx, account: tx.queue.wake(account, "conn_x", "host_down"),
    "quarantines that ended": lambda tx, _: tx.queue.quarantines_over(tx.now()),
    "uploads without a client": lambda tx, _: tx.queue.any_idle_upload(),
    "what came before the switch": lambda tx, _: RecordingStates(tx.connection).refuse_stale(_REASON),
    "the queue": lambda tx, _: tx.queue.counts(),
    "rows whose key is gone": lambda tx, account: RestoredRecordings(tx.connection).fail_without_key(account),
    "erased of a closure": lambda tx, account: tx.closures.erased(account),
}
#: Acts that have an index of their own.
_OWN = {"erased of a closure": "COVERING INDEX ix_recordings_erased (account_id=? AND state=?)"}
#: Facts of the call, which its recordings add none to.
FACTS = 6


async def plan_of(house: House, act: Callable[[Any], object]) -> str:
    """Return the plans of the statements of an act."""

    def run(tx: Any) -> str:
        sent: list[tuple[str, Any]] = []

        def note(*call: Any) -> None:
            sent.append(call[2:4])

        event.listen(tx.connection, "before_cursor_execute", note)
        act(tx)
        event.remove(tx.connection, "before_cursor_execute", note)
        plans = [tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given) for text, given in sent]
        return " ".join(row[3] for plan in plans for row in plan)

    return await house.database.write(run)


async def plan_of_page(house: House, wanted: RecordingFilter) -> str:
    """Return the plan of the second page of a list of recordings."""
    account_id = house.account.id
    return await plan_of(
        house, lambda tx: tx.recordings.page(account_id, wanted, before=(tx.now(), "rec_x"), limit=50)
    )


@pytest.mark.parametrize("state", sorted(_INDEX))
async def test_a_page_of_a_state_is_read_in_order(house: House, state: str):
    """All states but those in which nearly all recordings are: what waits for a worker may be many after an outage."""
    plan = await plan_of_page(house, RecordingFilter(state=State(state)))
    assert f"{_INDEX[state]} (account_id=? AND state=? AND received_at<?)" in plan
    assert _SORTS not in plan


async def test_a_page_of_all_or_of_a_class_is_read_in_order(house: House):
    """The same without a state, and of a class of the retention policy."""
    for wanted, index in (
        (RecordingFilter(), "ix_recordings_page"),
        (RecordingFilter(retention_class="quality"), "ix_recordings_class"),
    ):
        plan = await plan_of_page(house, wanted)
        assert index in plan
        assert _SORTS not in plan


@pytest.mark.parametrize("state", get_args(HandoverState))
async def test_a_page_of_handovers_of_each_state_is_read_in_order(house: House, state: HandoverState):
    """Also of those in which nearly all are, such as ``present``."""
    wanted = HandoverFilter(state=state)
    plan = await plan_of(
        house,
        lambda tx: tx.handovers.page(house.account.id, wanted, before=(tx.now(), "hnd_x"), limit=50),
    )
    assert "ix_handovers_state (account_id=? AND state=?" in plan
    assert "USE TEMP B-TREE" not in plan


@pytest.mark.parametrize("index", _BY_LINK)
async def test_links_are_listed_and_revoked_by_what_they_are_of(house: House, index: str):
    """A page is read in order; a revocation reads no link of another recording or listener."""
    wanted, account_id = _BY_LINK[index], house.account.id
    listed = await plan_of(
        house, lambda tx: tx.links.page(account_id, wanted, before=(tx.now(), "link_x"), limit=50)
    )
    assert index in listed
    assert _SORTS not in listed
    if wanted != LinkFilter():
        assert index in await plan_of(house, lambda tx: tx.links.revoke_all(account_id, wanted, tx.now()))


async def test_the_links_of_a_recording_are_read_by_the_recording(house: House):
    """Its page lists them all."""
    plan = await plan_of(house, lambda tx: tx.links.of_recording(house.account.id, "rec_x"))
    assert "ix_links_recording (account_id=? AND recording_id=?)" in plan


async def test_the_ends_of_some_calls_are_read_by_these_calls(house: House):
    """Not by the index of all calls that ended, which is as large as the archive."""
    plan = await plan_of(house, lambda tx: tx.call_facts.ends_of(house.account.id, ["c1", "c2"]))
    assert "ix_call_facts_call (account_id=? AND call_ref=?)" in plan


async def test_a_name_is_looked_up_in_its_call(house: House):
    """With every announcement: the row of its own key, and those of its call."""
    named = named_values("1", "call-1") | {
        "account_id": house.account.id,
        "connection_id": house.connection_id,
        "recording_ref": "1",
        "call_ref": "call-1",
    }

    def plan(tx: Any) -> str:
        query = f"EXPLAIN QUERY PLAN {name_taken(':')}"
        return " ".join(row[3] for row in tx.connection.connection.cursor().execute(query, named))

    found = await house.database.write(plan)
    assert "(account_id=? AND connection_id=? AND recording_ref=?)" in found
    assert "ix_recordings_call (account_id=? AND call_ref=?)" in found
    assert "SCAN recordings" not in found


@pytest.mark.parametrize("act", _ACTS)
async def test_an_act_on_states_reads_their_index(house: House, act: str):
    """A partial index, which SQLite takes only where the query repeats its condition."""
    plan = await plan_of(house, lambda tx: _ACTS[act](tx, house.account.id))
    index = _OWN.get(act)
    if index is not None:
        assert index in plan
    else:
        assert (
            "INDEX ix_recordings_not_available (state=?" in plan or "INDEX ix_recordings_due (state=?" in plan
        )
    assert "SCAN recordings" not in plan


async def test_a_page_decrypts_the_facts_of_a_call_once(either: House, monkeypatch: pytest.MonkeyPatch):
    """Of 2, 4 and 8 recordings of one call: one row more for each recording."""
    await set_policy(either, missing_evidence="accept", reason="a test")
    account, found = either.account.id, list[tuple[int, int]]()
    for number in range(FACTS):
        facts = CallFacts(
            call_ref="call-1", direction="inbound", caller="+14155550123", agent=f"agent {number}"
        )
        await either.vault.recordings.calls.start(account, facts)
    opened, original = [], encrypted_fields.open_message

    def counted(*arguments, **named):
        opened.append(1)
        return original(*arguments, **named)

    monkeypatch.setattr(encrypted_fields, "open_message", counted)
    made = 0
    for until in (2, 4, 8):
        while made < until:
            recording = await either.announce(f"rec-{made}")
            await through_the_gate(either, str(recording.recording_id))
            made += 1
        opened.clear()
        page = await either.vault.recordings.recordings.page(
            account, RecordingFilter(), number=None, agent=None, before=None, limit=50
        )
        assert len(page) == until
        assert {one.facts.caller for one in page} == {"+14155550123"}
        found.append((until, len(opened)))
    # The details of a recording are a row of their own.
    assert {rows - until for until, rows in found} == {FACTS}, found
