"""What the customer asks for by number, carried out, and what receipts say of hand-overs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from tests.support.handing import CUSTOMER, ME, hand_over
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.requests.request import Identity, PersonalData, PersonKind, Verdict, Verification
from vault.services.requests.new_request import NewRequest
from vault.services.requests.ruling_request import RulingRequest
from vault.tlog.receipt_file import verify_receipt


async def receipt_of_erasure(house: House, reference: str) -> bytes:
    """Let the person ask for erasure, carry it out, and return the receipt."""
    request_id = await carried_out(house, reference, kind="erasure", code="erased")
    return await house.vault.requests.receipts.read(house.account.id, request_id)


async def carried_out(house: House, reference: str, *, kind: PersonKind, code: str) -> str:
    """Let the person ask, decide so on everything, and carry it out; return the request's id."""
    now = datetime.now(UTC) - timedelta(hours=1)
    personal = PersonalData(
        reference=reference,
        identities=(Identity(type="number", value=CUSTOMER, region=None),),
        verification=Verification(method="callback", at=now, by="key_test"),
    )
    asked = NewRequest(kind=kind, regime="gdpr", received_at=now, personal=personal)
    requests, jobs = house.vault.requests, house.vault.jobs
    made, _ = await requests.requests.receive(house.account.id, asked, **ME)
    decision = RulingRequest(
        default=Verdict(code=code), verdicts={}, reason=None, period=None, whole_time=False
    )
    await requests.requests.decide(house.account.id, made.request.id, decision, **ME)
    query = update(person_requests).values(next_try_at=None)
    for _ in range(20):
        await house.database.write(lambda tx: tx.connection.execute(query) and None)
        await jobs.execute_requests()
        await hand_over(house)
        await jobs.remove_erased()
        await jobs.log_publisher.sequence()
        seen = await requests.requests.read(house.account.id, made.request.id)
        if seen.request.closed_at is not None:
            break
    await jobs.log_publisher.sequence()
    return made.request.id


def handovers_in(receipt: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return what a receipt says of hand-overs, by recording. It is verified first, by itself alone."""
    found = verify_receipt(receipt).statement["recordings"]
    return {one["id"]: one["handovers"] for one in found if "handovers" in one}
