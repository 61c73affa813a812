"""Lists on SQLite: a page is read from an index in its order, and an act on some rows reads only these.

Nobody analyses a SQLite file, so the planner does not know that an account has nearly all rows.
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from tests.support.service_house import House
from vault.database.schema.accounts import SET_ASIDE
from vault.database.stores.playback.links import LinkFilter
from vault.database.stores.recordings.recording_names import name_taken, named_values
from vault.domain.recordings.recording import WORK, RecordingFilter, State

_SORTS = "USE TEMP B-TREE"
_INDEX = dict.fromkeys(SET_ASIDE, "ix_recordings_set_aside") | dict.fromkeys(WORK, "ix_recordings_waiting")
_BY_LINK = {
    "ix_links_account (account_id=?": LinkFilter(),
    "ix_links_recording (account_id=? AND recording_id=?": LinkFilter(recording_id="rec_x"),
    "ix_links_listener (account_id=? AND listener_term=?": LinkFilter(listener=b"x"),
}


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
