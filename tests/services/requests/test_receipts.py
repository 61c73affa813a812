"""Receipts: verified offline by the command's code and by the stand-alone script, refused after any change.

A receipt is verified for a number in any spelling: the person types what is on a bill.
"""

import asyncio
import json
import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from examples import verify_receipt as script
from tests.services.requests.people import (
    ACTOR,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    carried_out,
    decide,
    receipt,
    recorded,
)
from tests.services.requests.proving import KEY, closed, is_refused
from tests.support.pairs import keys_in
from tests.support.service_house import SIGNER, House
from tests.support.spellings import EVERY, NUMBER, OTHERS
from vault.cli.receipt import _check_number
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import State
from vault.domain.registers.entries import Recipient
from vault.domain.requests.receipt import commitment
from vault.domain.requests.request import RequestState
from vault.errors import Invalid, NotFound, Tampered, VaultError
from vault.objects.s3 import S3Store
from vault.rfc3339 import write_rfc3339
from vault.services.requests import receipts
from vault.tlog.note import Signer
from vault.tlog.receipt_file import ProvenLeaf, verify_receipt

AT = ago(minutes=5)
HOSTER = Recipient(
    name="Hosting Ltd",
    address="1 High Street, Dublin",
    contact="privacy@hosting.example",
    role="processor",
    purpose="Hosting",
    country="IE",
    since=date(2026, 1, 1),
)


async def test_the_leaves_of_a_large_receipt_are_proven_in_batches(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """One read for each batch, so that a receipt of 10,000 recordings keeps no reader for half a minute."""
    file = await closed(house)
    monkeypatch.setattr(receipts, "_BATCH_SIZE", 2)
    view = (
        await house.vault.requests.requests.page(
            house.account.id, state=None, due_before=None, before=None, limit=1
        )
    )[0]
    reads, prove = [], receipts._prove

    def counted(tx: Transaction, account_id: str, indexes: Sequence[int]) -> list[ProvenLeaf]:
        reads.append(len(indexes))
        return prove(tx, account_id, indexes)

    monkeypatch.setattr(receipts, "_prove", counted)
    again = await house.vault.requests.receipts.read(house.account.id, view.request.id)
    assert verify_receipt(again).leaves == verify_receipt(file).leaves == sum(reads)
    assert len(reads) > 1
    assert max(reads) == 2


async def test_a_receipt_without_a_leaf_or_of_another_log_is_refused(house: House):
    """Each leaf is needed, none may be added, and a receipt that another key signed is another log's."""
    file = await closed(house)
    fields = json.loads(file)
    for place in range(len(fields["leaves"])):
        fewer = fields | {"leaves": [leaf for at, leaf in enumerate(fields["leaves"]) if at != place]}
        assert is_refused(script.canonical(fewer) + b"\n")
    twice = fields | {"leaves": [*fields["leaves"], fields["leaves"][0]]}
    assert is_refused(script.canonical(twice) + b"\n")
    other = Signer(name=SIGNER.name, secret=bytes(32)).verifier
    with pytest.raises(Tampered, match="another verifier key"):
        verify_receipt(file, verifier=other)


async def test_case_30_the_salt_and_the_number_match_and_nothing_else_does(pair: House):
    """Who bears the receipt can show that it is about their number; the log matches no number."""
    statement = json.loads(await closed(pair))["statement"]
    salt, commitments = bytes.fromhex(statement["subject"]["salt"]), statement["subject"]["commitments"]
    assert commitments == [commitment(salt, PERSON)]
    assert commitment(salt, OTHER) not in commitments
    page = await pair.database.read(
        lambda tx: tx.events.page(pair.account.id, recording_id=None, start=0, limit=1000)
    )
    log = b"".join(logged.leaf for logged in page)
    assert not any(told.encode() in log for told in (statement["subject"]["salt"], *commitments))


async def test_a_refusal_and_nothing_found_get_a_receipt_too(house: House):
    """It names the provision of the refusal; where nothing was found, it says so."""
    file = await closed(house, "kept_claims", reason="There is a lawsuit about this call.")
    (recording,) = verify_receipt(file).statement["recordings"]
    assert (recording["outcome"], recording["ground"]) == ("kept_claims", "GDPR art. 17(3)(e)")
    assert recording["leaves"] == []
    assert b"lawsuit" not in file
    view = await ask(house, asks(reference="ticket 2", numbers=(("+33700000000", None),)))
    await decide(house, view.request.id, "no_match", reason="Nothing has this number.")
    await carried_out(house, view.request.id)
    statement = verify_receipt(await receipt(house, view.request.id)).statement
    assert (statement["outcome"], statement["recordings"], statement["calls"]) == ("fulfilled", [], {})


async def test_a_receipt_names_the_recipients_who_were_informed(house: House):
    """By name and time, as the decision said; the copy of the platform is named beside that (GDPR art. 19)."""
    entered = await house.vault.registers.recipients.enter(house.account.id, HOSTER, actor=ACTOR)
    await recorded(house, "call-1")
    view = await ask(house)
    await decide(house, view.request.id, informed={entered.id: AT})
    await carried_out(house, view.request.id)
    file = await receipt(house, view.request.id)
    statement = verify_receipt(file).statement
    assert statement["recipients_informed"] == [
        {"id": entered.id, "name": HOSTER.name, "at": write_rfc3339(AT)}
    ]
    assert script.verify(file, KEY) == statement
    assert json.loads(await closed(house))["statement"]["recipients_informed"] == []


@pytest.mark.parametrize(
    ("recipient", "at", "words"),
    [
        ("rcp_nobody", AT, "does not have"),
        (None, AT - timedelta(days=9), "between"),
        (None, AT + timedelta(days=9), "between"),
    ],
)
async def test_who_was_informed_is_checked(house: House, recipient: str | None, at: datetime, words: str):
    """An unknown recipient, also another account's, and a time before the request or in the future are refused."""
    entered = await house.vault.registers.recipients.enter(house.account.id, HOSTER, actor=ACTOR)
    await recorded(house, "call-1")
    view = await ask(house)
    with pytest.raises(Invalid, match=words) as refused:
        await decide(house, view.request.id, informed={recipient or entered.id: at})
    assert (refused.value.field, "rcp_nobody" in str(refused.value)) == ("informed", False)


async def test_case_27_every_version_and_marker_is_gone_and_counted(pair: House):
    """The receipt's numbers are those of listings before and after, with what a bucket keeps of older versions."""
    recording_id = await recorded(pair, "call-1")
    await pair.vault.jobs.write_manifests()
    (audio,) = (await pair.row(recording_id)).locations
    if isinstance(pair.objects, S3Store):
        await asyncio.to_thread(_write_over_and_delete, pair.objects, audio)
    before = [key for key in await keys_in(pair.objects) if recording_id in key]
    assert before.count(audio) == (4 if isinstance(pair.objects, S3Store) else 1)
    view = await ask(pair)
    await decide(pair, view.request.id)
    await carried_out(pair, view.request.id)
    (one,) = verify_receipt(await receipt(pair, view.request.id)).statement["recordings"]
    assert one["object_versions"] == {"before": len(before), "left": 0}
    assert len(before) > before.count(audio)
    assert not [key for key in await keys_in(pair.objects) if recording_id in key]


def _write_over_and_delete(store: S3Store, key: str) -> None:
    """Let the bucket have three versions of an object and a delete marker."""
    named = {"Bucket": store.bucket, "Key": store.prefix + key}
    body = store.client.get_object(**named)["Body"].read()
    for _ in range(2):
        store.client.put_object(**named, Body=body)
    store.client.delete_object(**named)


async def test_a_request_is_closed_however_much_is_logged_after_the_erasure(either: House):
    """Sessions end and links are revoked after it; the receipt has the leaves of the erasure all the same."""
    recording_id = await recorded(either, "call-1")
    view = await ask(either)
    await decide(either, view.request.id)
    await either.vault.jobs.execute_requests()
    assert await either.settle(recording_id) is State.ERASED
    later = [
        AccessEvent(
            type="link.revoked",
            at=ago(),
            account_id=either.account.id,
            actor=ACTOR,
            recording_id=recording_id,
            link_id=f"lnk_{number}",
        )
        for number in range(120)
    ]
    await either.vault.database.write(lambda tx: [tx.events.append(event) for event in later] and None)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    (one,) = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    assert [leaf["type"] for leaf in one["leaves"]] == ["recording.erasing", "recording.erased"]


async def test_a_request_has_no_receipt_before_it_is_closed(house: House):
    """It is 404 until everything is done: nothing claims to be done before it was checked."""
    await recorded(house, "call-1")
    view = await ask(house)
    await decide(house, view.request.id)
    with pytest.raises(NotFound, match="not closed yet"):
        await house.vault.requests.receipts.read(house.account.id, view.request.id)
    await house.vault.jobs.execute_requests()
    assert not await house.vault.jobs.execute_requests()
    with pytest.raises(NotFound, match="not closed yet"):
        await house.vault.requests.receipts.read(house.account.id, view.request.id)


def test_the_script_needs_the_standard_library_and_cryptography_alone():
    """It is copied to a machine without the vault."""
    imported = {name for name, value in vars(script).items() if isinstance(value, ModuleType)}
    assert imported == {"base64", "hashlib", "json", "sys"}
    assert "vault" not in Path(script.__file__).read_text().partition('"""')[2].partition('"""')[2].replace(
        "callvault", ""
    )


def subject(number: str) -> dict[str, object]:
    """Return what a receipt says of its number."""
    salt = secrets.token_bytes(32)
    return {"salt": salt.hex(), "commitments": [commitment(salt, number)]}


@pytest.mark.parametrize("written", EVERY)
def test_a_receipt_is_about_its_number_in_every_spelling(written: str) -> None:
    """Those without their country too: the receipt tells which one it is."""
    _check_number(subject(NUMBER), written)


def test_national_numbers_that_begin_with_a_zero_are_found() -> None:
    """Those of Italy, and of countries that dial something else in front."""
    for number, written in (("+390612345678", "06 1234 5678"), ("+3612345678", "06 1 234 5678")):
        _check_number(subject(number), written)


@pytest.mark.parametrize("written", OTHERS)
def test_a_receipt_is_not_about_another_number(written: str) -> None:
    """The error repeats nothing of it."""
    with pytest.raises(VaultError, match=r"^The receipt is not about this number\.$"):
        _check_number(subject(NUMBER), written)
