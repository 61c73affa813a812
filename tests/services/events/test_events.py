"""Events on both databases: what is told to whom, with which number, and what an erasure makes of it."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

import vault
from tests.services.events.receiving import ME, A, B, available, bodies, endpoint, erased, publish, told
from tests.services.requests.people import ask
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from tests.support.statement_counts import counted
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.events import outward_events
from vault.database.transaction import Transaction
from vault.domain.events.event_types import OUTWARD_TYPES
from vault.domain.outbox.attempt import Answer
from vault.errors import Invalid
from vault.services.events.endpoints import EndpointChange


async def test_a_recording_is_told_from_its_gate_to_its_end(either: House):
    """With ids and codes alone, and with numbers that follow each other."""
    await endpoint(either)
    recording_id = await available(either)
    await erased(either, recording_id)
    said = await told(either)
    names = [one["type"] for one in said]
    assert names == ["recording.available", "recording.erasing", "recording.erased"]
    first = said[0]["sequence"]
    assert [one["sequence"] for one in said] == [first, first + 1, first + 2]
    assert said[2]["data"] == {"account": either.account.id, "recording": recording_id}
    assert {name for one in said for name in one} <= {
        "id", "type", "timestamp", "sequence", "data", "superseded",
    }  # fmt: skip


async def test_what_happened_before_an_endpoint_is_not_told(either: House):
    """Nor to a second one what happened before it; both have the same numbers."""
    await available(either, "before")
    await publish(either)
    await endpoint(either)
    await available(either, "between")
    await publish(either)
    await endpoint(either, B)
    await available(either, "after")
    one, other = await told(either, A), await told(either, B)
    assert [event["type"] for event in one] == ["recording.available"] * 2
    assert other == one[1:]


async def test_an_endpoint_has_what_it_wants(either: House):
    """By types; the numbers of its account go on for all."""
    await endpoint(either, A, ["hold.placed", "recording.erased"])
    await endpoint(either, B, ["*"])
    recording_id = await available(either)
    await erased(either, recording_id)
    await ask(either)
    one, every = await told(either, A), await told(either, B)
    assert [event["type"] for event in one] == ["recording.erased"]
    assert "request.received" in [event["type"] for event in every]
    assert one[0] in every
    with pytest.raises(Invalid, match=r"recording\.heard") as refused:
        await endpoint(either, A, ["recording.heard"])
    assert refused.value.field == "types"


async def test_what_an_erasure_overtook_says_so(either: House):
    """The receiver was down: `available` comes as superseded and without its state; `erased` as it is."""
    await endpoint(either)
    either.outside.answer(A, Answer(status=503))
    recording_id = await available(either)
    await told(either)
    await erased(either, recording_id)
    await publish(either)
    either.outside.answer(A, Answer(status=204))
    before = len(either.outside.sent)
    for _ in range(3):
        await let_time_come(either)
        await send_due(either)
    late = sorted(
        (json.loads(one.body) for one in either.outside.sent[before:]), key=lambda one: one["sequence"]
    )
    assert [(one["type"], one.get("superseded", False)) for one in late] == [
        ("recording.available", True), ("recording.erasing", False), ("recording.erased", False),
    ]  # fmt: skip


async def test_both_secrets_sign_during_the_grace(either: House):
    """The verifier of Standard Webhooks takes each, and afterwards the new one alone; it refuses a changed body."""
    made = await endpoint(either)
    turned = await either.vault.events.endpoints.rotate(
        either.account.id, made.view.endpoint.id, timedelta(hours=1), **ME
    )
    await available(either, "in grace")
    await told(either)
    again = await either.vault.events.endpoints.rotate(
        either.account.id, made.view.endpoint.id, timedelta(0), **ME
    )
    await available(either, "after it")
    await told(either)
    in_grace, after = either.outside.sent
    for secret, one, good in (
        (made.secret, in_grace, True), (turned.secret, in_grace, True), (again.secret, in_grace, False),
        (made.secret, after, False), (turned.secret, after, False), (again.secret, after, True),
    ):  # fmt: skip
        verifier = Webhook(secret)
        if good:
            assert verifier.verify(one.body, dict(one.headers))
            with pytest.raises(WebhookVerificationError):
                verifier.verify(one.body.replace(b"available", b"erased"), dict(one.headers))
        else:
            with pytest.raises(WebhookVerificationError):
                verifier.verify(one.body, dict(one.headers))


async def test_an_endpoint_that_fails_is_told_to_the_others(either: House):
    """Not to itself; its account sees when it was switched off, and a change of it begins again."""
    made = await endpoint(either, A, ["recording.available"])
    await endpoint(either, B, ["destination.disabled"])
    either.outside.answer(A, Answer(status=410))
    await available(either)
    await told(either)
    (said,) = await told(either, B)
    assert said["data"] == {
        "account": either.account.id, "destination": f"events/{made.view.endpoint.id}",
    }  # fmt: skip
    view = await either.vault.events.endpoints.read(either.account.id, made.view.endpoint.id)
    assert view.health.disabled_at is not None
    changed = await either.vault.events.endpoints.change(
        either.account.id, made.view.endpoint.id, EndpointChange(description="again"), **ME
    )
    assert (changed.health.disabled_at, changed.description, changed.url) == (None, "again", A)
    either.outside.answer(A, Answer(status=204))
    await available(either, "later")
    await told(either)
    assert [one["type"] for one in bodies(either, A)][-1] == "recording.available"


async def test_two_nodes_number_an_event_once(nodes: tuple[House, House]):
    """They read the log at the same time; each event has one number, and is sent once."""
    first, second = nodes
    await endpoint(first)
    for number in range(6):
        await available(first, f"rec-{number}")
    await first.database.write(lambda tx: tx.tree.settle())
    await asyncio.gather(*(publish(node) for node in (first, second, first, second)))
    await asyncio.gather(send_due(first), send_due(second))
    said = bodies(first)
    numbers = [one["sequence"] for one in said]
    assert numbers == list(range(numbers[0], numbers[0] + 6))
    assert len({one["id"] for one in said}) == 6


async def test_an_account_without_an_endpoint_costs_nothing(either: House):
    """The log is not read, nothing is numbered, and no work is due."""
    await available(either)
    await either.database.write(lambda tx: tx.tree.settle())
    assert await either.database.read(lambda tx: tx.event_feed.unread()) is None
    due = await either.database.read(lambda tx: tx.due_work.seconds([]))
    assert "publish_events" not in due
    assert "outbox" not in due
    assert not await either.vault.jobs.publish_events.look()
    made = await endpoint(either)
    assert await either.vault.jobs.publish_events.look()
    await either.vault.events.endpoints.delete(either.account.id, made.view.endpoint.id, **ME)
    assert not await either.vault.jobs.publish_events.look()


async def test_what_a_lone_event_asks_of_the_database(either: House):
    """From the look at the log to the end of its attempt; SQLite has its entries of the log in the tree at once."""
    await endpoint(either)
    await available(either)
    await told(either)
    await available(either, "alone")
    await either.database.write(lambda tx: tx.tree.settle())
    job = either.vault.jobs.send_outbox
    with counted(either.database) as counts:
        assert not await either.vault.jobs.publish_events()
        await job()
        await job.idle()
    assert len(bodies(either)) == 2
    assert counts.statements == (25 if isinstance(either.database, SqliteDatabase) else 20)


async def test_events_are_kept_for_thirty_days(either: House):
    """The numbers go on."""
    await endpoint(either)
    await available(either)
    (first,) = await told(either)

    def age(tx: Transaction) -> None:
        old = datetime.now(UTC) - timedelta(days=31)
        tx.connection.execute(outward_events.update().values(at=old))

    await either.database.write(age)
    await either.vault.jobs.publish_events.forget()
    assert not await either.database.write(lambda tx: tx.event_feed.forget(tx.now()))
    await available(either, "rec-2")
    assert [one["sequence"] for one in await told(either)] == [first["sequence"], first["sequence"] + 1]


def test_every_type_has_a_whole_entry() -> None:
    """A name of the log, a sentence, and an example with the fields that are sent."""
    assert len(OUTWARD_TYPES) > 20
    for name, kind in OUTWARD_TYPES.items():
        assert kind.name == name
        assert kind.example.keys() == kind.data.keys()
        assert kind.sentence.endswith(".")
        assert not name.startswith("message.")


def test_the_page_has_each_type() -> None:
    """Its sentence, and the fields of its data."""
    page = (Path(vault.__file__).parents[1] / "docs" / "events.md").read_text()
    shown = re.findall(r"^\| `([a-z_.]+)` \| (.*) \| (.*) \|$", page, re.MULTILINE)
    assert shown == [
        (name, kind.sentence, ", ".join(f"`{field}`" for field in kind.data))
        for name, kind in OUTWARD_TYPES.items()
    ]
