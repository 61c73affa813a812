"""What the registers say of hand-over: who received what."""

from tests.fakes.crm import NotebookPeer
from tests.handover.erasing import handovers_in, receipt_of_erasure
from tests.support.handing import ANN, VENDOR, activate, call, hand_over
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer
from vault.services.registers.disclosures import DisclosureFilter


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
    outcome = handovers_in(await receipt_of_erasure(either, "one"))
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
    outcome = handovers_in(await receipt_of_erasure(either, "two"))
    assert outcome[third] == [kept | {"outcome": "waiting", "keeps": []}]
    assert second not in outcome
