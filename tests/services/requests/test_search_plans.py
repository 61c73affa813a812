"""What an erasure by number searches is a search of an index, on both databases: its cost is that of what it finds."""

from typing import Any

import pytest
from sqlalchemy import event

from tests.services.requests.people import asks
from tests.support.service_house import House
from vault.domain.requests.request import Period

_READS_ALL = "SELECT id FROM recordings WHERE duration > 1"


def _plans(tx: Any, search: str, *given: Any) -> list[str]:
    """Let the store search, and return the plan of each statement that it sent."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        sent.append((statement, parameters))

    event.listen(tx.connection, "before_cursor_execute", note)
    getattr(tx.person_search, search)(*given)
    event.remove(tx.connection, "before_cursor_execute", note)
    if tx.connection.dialect.name == "sqlite":
        return [_text(tx, f"EXPLAIN QUERY PLAN {statement}", given) for statement, given in sent]
    # The tables are nearly empty here: only the forbidden scan tells whether an index can be used.
    tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [_text(tx, f"EXPLAIN {statement}", given) for statement, given in sent]


def _text(tx: Any, statement: str, given: Any) -> str:
    return " ".join(str(column) for row in tx.connection.exec_driver_sql(statement, given) for column in row)


@pytest.mark.parametrize("search", ["recordings", "calls", "terms_of_calls"])
async def test_a_search_by_number_reads_no_table_whole(either: House, search: str):
    """Terms are searched by account and term, recordings and facts by what the terms name."""
    account_id = either.account.id
    terms = await either.vault.requests.requests.find.terms(account_id, asks().personal)
    by = ({"call-1", "call-2"},) if search == "terms_of_calls" else (terms.calls, Period())
    plans = await either.database.write(lambda tx: _plans(tx, search, account_id, *by))
    assert plans
    for plan in plans:
        assert "Seq Scan" not in plan, plan
        assert not [word for word in plan.split("SCAN ")[1:] if word.startswith(("recordings", "call_"))], (
            plan
        )
        assert "term" in plan


async def test_the_calls_of_decided_recordings_are_found_by_id(either: House):
    """Each step of a decided request reads them: not by their account, which is the whole archive."""
    account_id = either.account.id
    (plan,) = await either.database.write(lambda tx: _plans(tx, "calls_of", account_id, ["rec_1", "rec_2"]))
    assert "ix_recordings_page" not in plan
    assert "account_id=" not in plan


async def test_the_recordings_of_a_call_are_found_by_the_call(house: House):
    """Every erasure reads them: not by their account, which is the whole archive."""

    def plans(tx: Any) -> list[str]:
        driver, sent = tx.connection.connection.driver_connection, list[str]()
        driver.set_trace_callback(sent.append)
        tx.recordings.of_call(house.account.id, "call-1")
        driver.set_trace_callback(None)
        return [_text(tx, f"EXPLAIN QUERY PLAN {statement}", ()) for statement in sent]

    (plan,) = await house.database.read(plans)
    assert "ix_recordings_call" in plan


async def test_a_search_that_reads_a_table_is_seen(either: House):
    """What the check looks for is what a plan says of a table that is read whole."""

    def plan(tx: Any) -> str:
        word = "EXPLAIN QUERY PLAN" if tx.connection.dialect.name == "sqlite" else "EXPLAIN"
        return _text(tx, f"{word} {_READS_ALL}", ())

    found = await either.database.read(plan)
    assert "Seq Scan" in found or "SCAN recordings" in found
