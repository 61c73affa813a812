"""What waits in the queue: its length by account, and waking what waited for one host. On SQLite and PostgreSQL."""

from datetime import timedelta

from tests.support.database_rows import announcement, columns, open_account, set_columns
from vault.database.interface import Database
from vault.database.stores.recordings import recording_queue
from vault.database.stores.recordings.recording_queue import WAKE_SPREAD, Backlog
from vault.domain.accounts.limits import OwnLimits
from vault.domain.recordings.recording import State


async def test_a_wake_spreads_what_waits_for_one_host(database: Database):
    """Only rows of the connection that wait long for this reason are woken, and their attempt does not count."""
    await open_account(database, "acct_a")
    await open_account(database, "acct_b")
    hour = await database.read(lambda tx: tx.now() + timedelta(hours=1))
    soon = await database.read(lambda tx: tx.now() + timedelta(seconds=5))

    async def waiting(ref: str, code: str = "host_down", **changed: object) -> str:
        account = str(changed.pop("account_id", "acct_a"))
        new = announcement(ref, account, connection_id=changed.pop("connection_id", "conn_1"))
        await database.announce(new)
        reasons = [{"code": code, "text": "x", "source": None}]
        values = {"state": "retry_wait", "attempts": 9, "not_before": hour, "reasons": reasons} | changed
        await set_columns(database, new.id, **values)
        return new.id

    woken = {await waiting(f"woken-{number}") for number in range(8)}
    left = [
        await waiting("other-host", connection_id="conn_2"),
        await waiting("other-account", account_id="acct_b"),
        await waiting("absent", code="fetch_failed"),
        await waiting("stored", state="stored"),
        await waiting("due-soon", not_before=soon),
    ]
    before = await database.read(lambda tx: [tx.recordings.by_id(one) for one in left])
    first = await database.read(lambda tx: tx.now())
    assert await database.write(lambda tx: tx.queue.wake("acct_a", "conn_1", "host_down")) == 8
    last = await database.read(lambda tx: tx.now())
    at = {(await columns(database, one))["not_before"] for one in woken}
    assert all(first <= one <= last + WAKE_SPREAD for one in at)
    assert len(at) > 1, "All begin at the same moment."
    assert {
        (await database.read(lambda tx, one=one: tx.recordings.by_id(one))).attempts for one in woken
    } == {8}
    assert await database.read(lambda tx: [tx.recordings.by_id(one) for one in left]) == before


async def test_the_backlog_counts_what_waits_or_is_worked_on(database: Database, monkeypatch):
    """Each working state counts, an erasure and a finished recording do not; only the longest queues are named."""
    assert await database.read(lambda tx: tx.queue.backlog()) == Backlog()
    waiting = [State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED]
    rest = [State.QUARANTINED, State.AVAILABLE, State.REFUSED, State.FAILED, State.ERASING, State.ERASED]
    for account in ("acct_a", "acct_b", "acct_c"):
        await open_account(database, account)
    for account, states in (("acct_a", waiting + rest), ("acct_b", waiting[:2]), ("acct_c", rest[:1])):
        for number, state in enumerate(states):
            new = announcement(f"ref-{number}", account)
            await database.announce(new)
            await set_columns(database, new.id, state=str(state))
    found = await database.read(lambda tx: tx.queue.backlog())
    assert found == Backlog(total=6, by_account={"acct_a": 4, "acct_b": 2})
    monkeypatch.setattr(recording_queue, "BACKLOG_ACCOUNTS", 1)
    found = await database.read(lambda tx: tx.queue.backlog())
    assert found == Backlog(total=6, by_account={"acct_a": 4})


async def test_an_accounts_own_limits_are_replaced_whole(database: Database):
    """What is not given is the default again, and without any the row goes."""
    own = OwnLimits(requests_per_second=5, queue=7)
    await database.write(lambda tx: tx.account_limits.put("acct_a", own))
    await database.write(lambda tx: tx.account_limits.put("acct_b", OwnLimits(bytes_in_flight=2**40)))
    assert await database.read(lambda tx: tx.account_limits.get("acct_a")) == own
    assert await database.read(lambda tx: tx.account_limits.get("acct_c")) == OwnLimits()
    await database.write(lambda tx: tx.account_limits.put("acct_a", OwnLimits(queue=9)))
    await database.write(lambda tx: tx.account_limits.put("acct_b", OwnLimits()))
    assert await database.read(lambda tx: tx.account_limits.all()) == {"acct_a": OwnLimits(queue=9)}
