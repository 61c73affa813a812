"""Systems on both sides of the example account: those that receive its events, and the platform that it answered."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http.client import ACCEPTED, NO_CONTENT

from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.database.schema.outbox import outbox_destinations
from vault.database.stores.outbox.outcomes import EndedAttempt
from vault.database.transaction import Transaction
from vault.domain.calls import delivery_entry
from vault.domain.events.endpoint import destination_of
from vault.domain.outbox.attempt import Attempt, Outcome
from vault.domain.outbox.message import Message


def add_receivers(house: House, tenant: Tenant) -> str:
    """Let two systems receive events: one took nearly all, the other was switched off. Return the id of the first."""
    made = [
        tenant.http.post(
            tenant.url("/event-endpoints"), json={"url": url, "types": types, "description": description}
        ).json()["id"]
        for url, types, description in (
            ("https://crm.harbourcycles.example/events", ["recording.available", "recording.erasing"], "CRM"),
            ("https://reports.harbourcycles.example/hook", ["*"], "Monthly reports"),
        )
    ]
    now = datetime.now(UTC)

    def message(number: int, endpoint: str) -> Message:
        return Message(
            destination=destination_of(endpoint), id=f"evt_{number:032x}", account_id=tenant.id, kind="events",
            type="recording.erasing" if number % 7 == 0 else "recording.available", at=now, content={}, attempts=1,
        )  # fmt: skip

    def attempt(number: int, hours: float, endpoint: str, status: int, answer: str | None) -> EndedAttempt:
        outcome = Outcome.ACCEPTED if status == NO_CONTENT else Outcome.FAILED
        failure = None if outcome is Outcome.ACCEPTED else f"The endpoint answered {status}."
        return EndedAttempt(
            message=message(number, endpoint), at=now - timedelta(hours=hours), answer=answer,
            attempt=Attempt(outcome=outcome, status=status, failure=failure),
            took=timedelta(milliseconds=40 + 7 * number % 90),
        )  # fmt: skip

    ended = [
        attempt(n, n * 23 / 60, made[0], 503 if n in {8, 9, 10} else NO_CONTENT, None) for n in range(1, 60)
    ]
    ended += [attempt(n, n * 2, made[1], 404, "<h1>Not found</h1>") for n in range(1, 9)]

    def note(tx: Transaction) -> None:
        tx.outbox_outcomes.note(ended)
        row = {
            "destination": destination_of(made[1]),
            "account_id": tenant.id,
            "served_at": now,
            "failures": 64,
            "warned": 2,
            "failing_since": now - timedelta(days=5, hours=2),
            "disabled_at": now - timedelta(hours=2),
        }
        tx.connection.execute(outbox_destinations.insert().values(row))

    house.call(house.vault.database.write, note)
    return str(made[0])


def add_answers(house: House, tenant: Tenant, recording_id: str) -> None:
    """Let the vault have answered the platform."""
    said = tenant.http.get(tenant.url("/connections/telephony")).json()
    ended, forged = "RecordingStatus completed", "The signature is not valid."
    rows: Sequence[tuple[int, int, delivery_entry.Outcome, str | None, str | None, str | None, int]] = (
        (2, 200, "noted", None, "CallStatus ringing", None, 1), (9, 202, "accepted", None, ended, None, 1),
        (40, 200, "duplicate", None, ended, None, 1), (300, 401, "rejected", "signature", None, forged, 1),
        (360, 401, "rejected", "signature", None, forged, 214),
    )  # fmt: skip
    entries = [
        delivery_entry.DeliveryEntry(
            id=f"dlv_{seconds}", account_id=tenant.id, connection_id=said["id"],
            at=datetime.now(UTC) - timedelta(seconds=seconds), event=event, status=status, outcome=outcome,
            reason=reason, detail=detail, recording_id=recording_id if status == ACCEPTED else None,
            requests=requests,
        )
        for seconds, status, outcome, reason, event, detail, requests in rows
    ]  # fmt: skip
    house.call(house.vault.database.write, lambda tx: tx.deliveries.put(entries))
