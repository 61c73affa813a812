"""What the registers say of hand-over: who received what."""

from tests.fakes.crm import NotebookPeer
from tests.handover.handing import ANN, VENDOR, activate, call, hand_over
from tests.support.service_house import House
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
