"""Keyed digits are proposed where the account wants it, and removed or dismissed; no digit of them is kept anywhere."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.services.backup.test_restore_named import behind
from tests.support import corpus
from tests.support.keyed import CARD, call, keyed
from tests.support.parties import ME
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import WITHOUT_EVIDENCE, House
from vault.database.account_parts.card_data import CARD_DATA
from vault.database.account_parts.part import Target
from vault.database.transaction import Transaction
from vault.domain.recordings.card_data import CardDataPolicy, Policy, Proposal, stricter
from vault.domain.recordings.recording import State
from vault.domain.recordings.redaction import Span
from vault.errors import NotFound, Refused
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording
from vault.thread_pools import Threads

RATE = 8000
#: A card number from second 4 on, for 3.1 seconds, and other digits from second 40 on.
CALL = call((4.0, keyed(CARD)), (40.0, keyed("12345678")), seconds=50, channels=2)


def service(house: House):
    return house.vault.recordings.recordings.card_data


async def stored(house: House, *, policy: Policy = "propose", ref: str = "rec-1") -> str:
    """Return an available recording of the call, that arrived under a policy."""
    await house.vault.consent.policy.set(house.account.id, WITHOUT_EVIDENCE, if_version=None, **ME)
    await service(house).set_policy(house.account.id, policy, **ME)
    receipt = await house.announce(ref, body=corpus.wav(CALL))
    assert await house.settle(receipt.recording_id) is State.AVAILABLE
    return receipt.recording_id


async def proposals(house: House, recording_id: str | None = None) -> list[Proposal]:
    """Return the proposals of the account, in the order of time."""
    page = await service(house).page(house.account.id, recording_id=recording_id, after=None, limit=50)
    return sorted(page, key=lambda one: one.digits.begin_ms)


async def test_what_was_keyed_is_proposed(house: House):
    """With its kind and its times, and only where the account wants it."""
    recording_id = await stored(house)
    card, other = await proposals(house)
    assert (card.digits.kind, other.digits.kind) == ("card_number", "digits")
    assert (card.recording_id, other.recording_id) == (recording_id, recording_id)
    assert abs(card.digits.begin_ms - 4000) < 50
    assert abs(card.digits.end_ms - 7100) < 50
    await stored(house, policy="off", ref="rec-2")
    assert len(await proposals(house)) == 2


async def test_an_accepted_proposal_is_removed_and_not_found_again(house: House):
    """With half a second on both sides, in both channels; the other one stays, and the evidence names the detector."""
    recording_id = await stored(house)
    card, other = await proposals(house)
    await service(house).accept(house.account.id, recording_id, card.id, reason="card data", **ME)
    assert await proposals(house) == [other]
    heard = corpus.decode(await house.heard(recording_id)).reshape(-1, 2)
    first, end = (card.digits.begin_ms - 500) * RATE // 1000, (card.digits.end_ms + 500) * RATE // 1000
    assert not heard[first:end].any()
    assert (heard[:first] == CALL[:first]).all()
    assert (heard[end:] == CALL[end:]).all()
    row = await house.row(recording_id)
    keys = await house.database.read(lambda tx: tx.recordings.keys(recording_id))
    opened = await open_recording(house.vault.recordings.recordings.ring, row, keys)
    entries = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    said = open_entry(opened, entries[-1]).content
    assert (said["kind"], said["detector"]) == ("redaction", "keyed-digits/1")
    with pytest.raises(NotFound):
        await service(house).accept(house.account.id, recording_id, card.id, reason="again", **ME)


async def test_what_is_found_again_is_not_called_removed(house: House, monkeypatch: pytest.MonkeyPatch):
    """A detector that hears the digits in the new audio refuses it, and the old audio stays."""
    recording_id = await stored(house)
    card, _other = await proposals(house)
    before = await house.heard(recording_id)
    real = house.describer.describe

    async def again(*given, **more):
        description = await real(*given, **more)
        return replace(description, keyed_digits=(card.digits,))

    monkeypatch.setattr(house.describer, "describe", again)
    with pytest.raises(Refused) as caught:
        await service(house).accept(house.account.id, recording_id, card.id, reason="card data", **ME)
    assert caught.value.reasons == ("not_proved",)
    assert await house.heard(recording_id) == before
    assert len(await proposals(house)) == 2


async def test_a_range_that_a_person_names_ends_the_proposals_in_it(house: House):
    """One of all channels; one of a single channel leaves the digits in the other."""
    recording_id = await stored(house)
    redact = house.vault.recordings.recordings.redact
    one = Span(begin_ms=3000, end_ms=9000, channels=(1,))
    await redact(house.account.id, recording_id, [one], reason="r", **ME)
    assert len(await proposals(house)) == 2
    part = Span(begin_ms=5000, end_ms=9000)
    await redact(house.account.id, recording_id, [part], reason="r", **ME)
    assert len(await proposals(house)) == 2
    await redact(house.account.id, recording_id, [Span(begin_ms=3000, end_ms=9000)], reason="r", **ME)
    assert [found.digits.kind for found in await proposals(house)] == ["digits"]


async def test_a_dismissed_proposal_is_gone_and_logged(house: House):
    """The audio stays, and the log says who decided it."""
    recording_id = await stored(house)
    card, other = await proposals(house)
    before = await house.heard(recording_id)
    await service(house).dismiss(house.account.id, card.id, **ME)
    assert await proposals(house) == [other]
    assert await house.heard(recording_id) == before
    assert "redaction.dismissed" in await house.events(recording_id)
    with pytest.raises(NotFound):
        await service(house).dismiss(house.account.id, card.id, **ME)


async def test_nothing_of_an_erased_recording_is_proposed(house: House):
    """Its proposals go with its keys."""
    recording_id = await stored(house)
    (card, _other) = await proposals(house)
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    assert await house.database.read(lambda tx: tx.card_data.get(house.account.id, card.id)) is None


async def test_of_another_account_there_is_none(house: House):
    """404, whatever exists; nor is one accepted on another recording."""
    recording_id = await stored(house)
    card, _other = await proposals(house)
    assert await service(house).page("acct_0", recording_id=recording_id, after=None, limit=9) == []
    with pytest.raises(NotFound):
        await service(house).dismiss("acct_0", card.id, **ME)
    with pytest.raises(NotFound):
        await service(house).accept("acct_0", recording_id, card.id, reason="r", **ME)
    another = await stored(house, policy="off", ref="rec-2")
    with pytest.raises(NotFound):
        await service(house).accept(house.account.id, another, card.id, reason="r", **ME)


async def test_the_object_store_alone_brings_the_policy_back(house: House, tmp_path: Path, threads: Threads):
    """It is part of the account's object."""
    await service(house).set_policy(house.account.id, "propose", **ME)
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert (await service(new).policy(house.account.id)).keyed_digits == "propose"
        assert (await new.vault.backup.fsck(sample=0, rate=0)).findings == []


async def test_an_old_database_does_not_stop_looking(house: House, tmp_path: Path, threads: Threads):
    """One in which it was off."""
    await service(house).set_policy(house.account.id, "off", **ME)

    async def propose(house: House) -> None:
        await service(house).set_policy(house.account.id, "propose", **ME)
        await write_all(house)

    async with behind(house, propose, tmp_path / "old", threads) as old:
        assert (await old.vault.backup.restore(actor="operator")).findings == []
        assert (await service(old).policy(house.account.id)).keyed_digits == "propose"


@pytest.mark.parametrize(
    ("own", "lost", "after"),
    [
        ("off", "propose", "propose"),
        ("propose", "off", "propose"),
        ("redact", "propose", "redact"),
        ("off", "redact", "redact"),
    ],
)
async def test_a_lost_history_does_not_stop_looking(house: House, own: Policy, lost: Policy, after: Policy):
    """The account went on without it: what either looks for is looked for."""
    await service(house).set_policy(house.account.id, own, **ME)
    value = CardDataPolicy(keyed_digits=lost, changed_at=datetime(2026, 1, 1, tzinfo=UTC), changed_by="key_1")

    def merge(tx: Transaction) -> list[str]:
        target = Target(db=tx.connection, account_id=house.account.id, keys={}, prompts={})
        return CARD_DATA.add_lost(value, target)

    assert await house.database.write(merge) == []
    assert (await service(house).policy(house.account.id)).keyed_digits == after


def test_of_two_policies_the_stricter_one_counts():
    """Whichever is later."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    off = CardDataPolicy(keyed_digits="off", changed_at=at + timedelta(days=1), changed_by="key_1")
    on = CardDataPolicy(keyed_digits="propose", changed_at=at, changed_by="key_1")
    assert stricter(off, on) is stricter(on, off) is on
    assert stricter(on, CardDataPolicy(keyed_digits="propose")) is on
