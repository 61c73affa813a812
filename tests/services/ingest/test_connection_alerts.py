"""An account is told once that a platform sends nothing any more, or refuses its credentials, and again later."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from tests.fakes.provider import API
from tests.support.service_house import House
from vault.database.schema.calls import connection_alerts
from vault.database.schema.core import connections
from vault.domain.calls.delivery_entry import DeliveryEntry
from vault.domain.calls.provider_api import RestReply
from vault.services.accounts.connections import ConnectionRequest

SILENT, REFUSED = "connection.silent", "connection.needs_authorization"


async def webhooks(house: House, *days_ago: float, outcome: Any = "noted") -> None:
    """Let the connection have had a webhook so many days ago."""
    now = datetime.now(UTC)
    entries = [
        DeliveryEntry(
            id=f"dlv_{ago}", account_id=house.account.id, connection_id=house.connection_id,
            at=now - timedelta(days=ago), event=None, status=200, outcome=outcome, reason=None, detail=None,
            recording_id=None,
        )
        for ago in days_ago
    ]  # fmt: skip
    last = now - timedelta(days=min(days_ago))
    noted = update(connections).where(connections.c.id == house.connection_id).values(last_webhook_at=last)

    def write(tx: Any) -> None:
        tx.deliveries.put(entries)
        tx.connection.execute(noted)

    await house.database.write(write)


async def told(house: House, kind: str) -> int:
    """Return how often the log says it."""
    await house.database.write(lambda tx: tx.tree.settle())
    return (await house.events()).count(kind)


async def test_a_platform_that_stops_is_told_once_and_again_after_a_webhook(either: House):
    """Each day until two days ago: then it is silent. One that has weekends is not, after as long."""
    await webhooks(either, *(2.1 + day for day in range(14)))
    watch = either.vault.jobs.watch_connections
    assert [await watch(), await watch()] == [1, 0]
    assert await told(either, SILENT) == 1
    # As if that were a month ago.
    past = update(connection_alerts).values(since=datetime.now(UTC) - timedelta(days=30))
    await either.database.write(lambda tx: tx.connection.execute(past) and None)
    await webhooks(either, 1.9)
    assert await watch() == 0
    await webhooks(either, 2.05)
    assert await watch() == 1
    assert await told(either, SILENT) == 2


async def test_what_was_refused_is_no_webhook(either: House):
    """A stranger's, whose signature is wrong."""
    await webhooks(either, *(2.1 + day for day in range(14)), outcome="rejected")
    assert await either.vault.jobs.watch_connections() == 0


async def test_weekends_are_usual(either: House):
    """Work days alone: silent after six days, and not after three."""
    days = [day for day in range(14) if day % 7 < 5]
    await webhooks(either, *(3 + day for day in days))
    watch = either.vault.jobs.watch_connections
    assert await watch() == 0
    await webhooks(either, *(6.1 + day for day in days))
    assert await watch() == 1


async def test_refused_credentials_are_told_once_until_they_are_taken(either: House):
    """Another error between says nothing new; after the list was read, it is told again."""
    wish = ConnectionRequest(provider="fake", credentials={"secret": "whsec_" + "A" * 44})
    made, _, _ = await either.vault.accounts.connections.set(
        either.account.id, "fake", wish, actor="key_test"
    )

    async def compare(reply: RestReply) -> None:
        either.rest.answer("GET", f"{API}/list", reply)
        due = update(connections).values(reconcile_not_before=datetime.now(UTC) - timedelta(minutes=1))
        await either.database.write(lambda tx: tx.connection.execute(due) and None)
        while await either.vault.jobs.reconcile():
            pass

    listed = RestReply(status=200, body=b'{"url": "https://media.example/a", "refs": []}')
    for reply in (401, 503, 403, 401):
        await compare(RestReply(status=reply, body=b""))
    assert await told(either, REFUSED) == 1
    activity = await either.database.read(lambda tx: tx.connections.activity(either.account.id))
    assert activity[made.id].last_list_error == "unauthorized"
    await compare(listed)
    assert await told(either, REFUSED) == 1
    await compare(RestReply(status=401, body=b""))
    assert await told(either, REFUSED) == 2
    await either.vault.accounts.connections.delete(either.account.id, "fake", actor="key_test")
    left = await either.database.read(lambda tx: tx.connection.execute(connection_alerts.select()).all())
    assert left == []
