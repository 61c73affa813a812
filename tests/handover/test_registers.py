"""What the registers say of hand-over: who received what."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from tests.fakes.crm import NotebookPeer
from tests.handover.handing import ANN, CUSTOMER, ME, VENDOR, activate, call, hand_over
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.outbox.attempt import Answer
from vault.domain.requests.request import Identity, PersonalData, Verdict, Verification
from vault.services.registers.disclosures import DisclosureFilter
from vault.services.requests.new_request import NewRequest
from vault.services.requests.ruling_request import RulingRequest
from vault.tlog.receipt_file import verify_receipt


async def test_a_look_up_and_a_write_are_disclosures(either: House, peer: NotebookPeer):
    """To the vendor, by its name in the register; a call that was not handed over has the look-up alone."""
    peer.contacts = [ANN]
    view = await activate(either)
    first = await call(either)
    await hand_over(either)
    peer.contacts = []
    second = await call(either, "rec-2")
    await hand_over(either)
    await either.database.write(lambda tx: tx.tree.settle())
    read = either.vault.registers.disclosures.page
    page = await read(either.account.id, DisclosureFilter(recipient=VENDOR.name), start=0, limit=10)
    assert [(one.kind, one.recording_id) for one in page.items] == [
        ("number_look_up", first), ("hand_over", first), ("number_look_up", second),
    ]  # fmt: skip
    assert {(one.recipient, one.actor) for one in page.items} == {(VENDOR.name, view.integration.id)}
    other = await read(either.account.id, DisclosureFilter(recipient="Robin"), start=0, limit=10)
    assert other.items == []
    (vendor,) = await either.vault.registers.recipients.page(either.account.id, before=None, limit=9)
    assert (vendor.content.country, vendor.content.safeguard) == (VENDOR.country, VENDOR.safeguard)


async def test_case_31_a_receipt_says_what_the_system_keeps(either: House, peer: NotebookPeer):
    """Of a request of the person: the record is removed, or its removal waits while the system is down."""
    peer.contacts = [ANN]
    view = await activate(either)
    first = await call(either)
    second = await call(either, "rec-2", **{"from": "anonymous"})
    await hand_over(either)
    outcome = await erased_by_request(either, "one")
    kept = {
        "integration": view.integration.id,
        "system": "notebook",
        "outcome": "removed",
        "keeps": ["recycle_bin"],
    }
    assert outcome == {first: [kept]}
    third = await call(either, "rec-3")
    await hand_over(either)
    peer.answers = {"PATCH /records": [Answer(status=503)] * 3}
    outcome = await erased_by_request(either, "two")
    assert outcome[third] == [kept | {"outcome": "waiting", "keeps": []}]
    assert second not in outcome


async def erased_by_request(house: House, reference: str) -> dict[str, Any]:
    """Let the person ask for erasure; carry it out, and return what the receipt says of hand-overs, by recording."""
    now = datetime.now(UTC) - timedelta(hours=1)
    personal = PersonalData(
        reference=reference,
        identities=(Identity(type="number", value=CUSTOMER, region=None),),
        verification=Verification(method="callback", at=now, by="key_test"),
    )
    asked = NewRequest(kind="erasure", regime="gdpr", received_at=now, personal=personal)
    requests, jobs = house.vault.requests, house.vault.jobs
    made, _ = await requests.requests.receive(house.account.id, asked, **ME)
    decision = RulingRequest(
        default=Verdict(code="erased"), verdicts={}, reason=None, period=None, whole_time=False
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
    receipt = verify_receipt(await requests.receipts.read(house.account.id, made.request.id))
    return {one["id"]: one["handovers"] for one in receipt.statement["recordings"] if "handovers" in one}
