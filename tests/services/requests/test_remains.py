"""After an erasure by number: nothing of the person is left in clear, and a crash at any write does nothing twice.

The content of every closed request is deleted three years later, also of one that was withdrawn.
"""

import importlib.util
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import func, select, update

from tests.services.requests.closures import closing
from tests.services.requests.people import (
    ACTOR,
    PERSON,
    ago,
    ask,
    asks,
    call,
    carried_out,
    decide,
    receipt,
    recorded,
)
from tests.support.service_house import House
from vault.database.account_parts.requests import read_request
from vault.database.engines import migrate
from vault.database.schema.core import accounts
from vault.database.schema.requests import person_request_terms, person_requests
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RETENTION, RequestState
from vault.domain.stored.json_reader import read_object, write_object
from vault.domain.stored.request_rows import decode_request_fields, encode_request_fields
from vault.errors import Unavailable
from vault.tlog.receipt_file import verify_receipt

NAME = "Robin-Hood-4711"
#: The number in every spelling in which it might be stored.
SPELLINGS = (b"33612345678", b"0612345678", b"06 12 34 56 78", b"612345678")


def stored(house: House, folder: Path) -> bytes:
    """Return everything that lies on the disk and in the object store."""
    files = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"".join([*files, *(bytes(kept.body) for kept in house.objects.objects.values())])


async def test_case_40_no_number_is_left_in_clear(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Database, write-ahead log, bucket and logs are scanned; what stays is what the receipt lists."""
    await recorded(house, "call-1", agent=NAME)
    await call(house, "call-2", agent=NAME)
    await house.vault.consent.objections.enter(house.account.id, PERSON, reason=None, actor=ACTOR)
    view = await ask(house, asks(numbers=(("06 12 34 56 78", "FR"),), wish=f"I am {NAME}."))
    await decide(house, view.request.id)
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    await house.vault.jobs.write_account_objects()
    await house.vault.jobs.write_tombstones()
    file = await receipt(house, view.request.id)
    everything = stored(house, tmp_path) + caplog.text.encode() + file
    assert b"recording.erased" in everything
    for trace in (*SPELLINGS, NAME.encode()):
        assert trace not in everything
    stays = verify_receipt(file).statement["stays"]
    assert set(stays) == {
        "tombstone", "access_events", "consent_refusals", "objections", "request", "database_backups"
    }  # fmt: skip


async def test_case_28_a_crash_at_any_write_does_nothing_twice(pair: House, monkeypatch: pytest.MonkeyPatch):
    """The worker dies at its n-th write, before or after its commit: one receipt, and its numbers are true."""
    job = pair.vault.jobs.execute_requests
    kind, write, left = type(job.database), type(job.database).write, [0, False]

    async def dying(self: object, function: object, **named: object) -> object:
        left[0] -= 1
        if left[0] == 0 and not left[1]:
            raise Unavailable("The process died before its commit.")
        result = await write(self, function, **named)
        if left[0] == 0:
            raise Unavailable("The process died after its commit.")
        return result

    for tried in range(1, 100):
        before_or_after = tried % 2 == 0
        recording_id = await recorded(pair, f"call-{tried}")
        view = await ask(pair, asks(reference=f"ticket {tried}"))
        await decide(pair, view.request.id)
        with monkeypatch.context() as patch:
            patch.setattr(kind, "write", dying)
            left[:] = [(tried + 1) // 2, before_or_after]
            await job()
            await job()
            survived = left[0] > 0
        assert await carried_out(pair, view.request.id) is RequestState.FULFILLED
        assert await pair.state(recording_id) is State.ERASED
        kinds = Counter(await pair.events(recording_id))
        assert (kinds["recording.erasing"], kinds["recording.erased"]) == (1, 1)
        (one,) = json.loads(await receipt(pair, view.request.id))["statement"]["recordings"]
        assert one["object_versions"]["left"] == 0
        assert Counter(await pair.events())["receipt.made"] == tried
        if survived:
            break
    assert tried > 4


async def withdrawn(house: House) -> str:
    """Withdraw a request of a person."""
    view = await ask(house)
    await house.vault.requests.requests.withdraw(house.account.id, view.request.id, actor=ACTOR)
    return view.request.id


async def taken_back(house: House) -> str:
    """Take back the closure of the account."""
    made = await closing(house, wait=True)
    await house.vault.requests.closures.take_back(house.account.id, actor=ACTOR)
    return made


async def row(house: House, request_id: str) -> tuple[datetime | None, datetime | None, bool, int | None]:
    """Return when it was closed and is forgotten, whether it has content, and what its own object says."""
    p = person_requests.c
    query = select(p.closed_at, p.forget_at, p.sealed_personal, p.stored_under).where(p.id == request_id)
    closed_at, forget_at, sealed, under = await house.database.read(
        lambda tx: tx.connection.execute(query).one()
    )
    return closed_at, forget_at, sealed is not None, under


async def pass_years(house: House, request_id: str) -> None:
    """Let the time of a request be over, and run the job."""

    def move(tx: Transaction) -> None:
        p = person_requests.c
        mine = update(person_requests).where(p.id == request_id, p.forget_at.is_not(None))
        tx.connection.execute(mine.values(forget_at=ago(days=1)))

    await house.database.write(move)
    await house.vault.jobs.execute_requests.forget()


@pytest.mark.parametrize("close", [withdrawn, taken_back])
async def test_the_content_of_a_withdrawn_request_is_deleted_after_three_years(either: House, close):
    """Numbers, words and terms go; the bare row stays, and a new request is no repeat of it."""
    request_id = await close(either)
    closed_at, forget_at, has_content, _ = await row(either, request_id)
    assert closed_at is not None
    assert (forget_at, has_content) == (closed_at + RETENTION, True)
    await pass_years(either, request_id)
    assert (await row(either, request_id))[1:3] == (None, False)
    count = select(func.count()).select_from(person_request_terms)
    assert await either.database.read(lambda tx: tx.connection.execute(count).scalar_one()) == 0
    if close is withdrawn:
        shown = await either.vault.requests.requests.read(either.account.id, request_id)
        assert (shown.request.personal, shown.request.state) == (None, RequestState.WITHDRAWN)
    else:
        read = await either.vault.requests.closures.take_back(either.account.id, actor=ACTOR)
        assert (read.personal, read.state) == (None, RequestState.WITHDRAWN)
        assert await closing(either, wait=True) != request_id


@pytest.mark.parametrize("close", [withdrawn, taken_back])
async def test_the_migration_notes_it_for_earlier_requests(either: House, close):
    """Its object is written again; a request that is open, or forgotten, stays as it is."""
    request_id = await close(either)
    view = await ask(either)
    p = person_requests.c
    folder = Path(migrate.__file__).parents[1] / "migrations" / "versions"
    (file,) = folder.glob("*_forget_withdrawn_requests.py")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    revision = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(revision)

    def again(tx: Transaction) -> int:
        mine = update(person_requests).where(p.id == request_id)
        tx.connection.execute(mine.values(forget_at=None, stored_under=1))
        before = tx.connection.execute(select(accounts.c.revision)).scalar_one()
        with Operations.context(MigrationContext.configure(tx.connection)):
            for _ in range(2):
                revision.upgrade()
        return tx.connection.execute(select(accounts.c.revision)).scalar_one() - before

    assert await either.database.write(again) == 1
    closed_at, forget_at, has_content, under = await row(either, request_id)
    assert closed_at is not None
    assert (forget_at, has_content, under) == (closed_at + RETENTION, True, None)
    assert (await row(either, view.request.id))[:3] == (None, None, True)


async def test_an_object_of_an_earlier_release_does_not_keep_it(either: House):
    """It has no time at which the content is forgotten: a restore sets it, and not for what is forgotten already."""
    request_id = await withdrawn(either)
    stored = await either.database.read(lambda tx: read_request(tx.connection, either.account.id, request_id))
    closed_at = stored.request.closed_at
    assert closed_at is not None
    for one, forget_at in (
        (replace(stored, forget_at=None), closed_at + RETENTION),
        (replace(stored, forget_at=None, sealed_personal=None, key_version=None), None),
    ):
        fields = read_object(write_object(encode_request_fields(one)), "A request")
        decoded = decode_request_fields(fields, either.account.id)
        assert decoded == replace(one, forget_at=forget_at)


async def test_what_a_node_of_an_earlier_release_withdraws_is_forgotten_too(either: House):
    """It notes no time at which the content is forgotten: then the time of its end counts."""
    request_id = await withdrawn(either)
    mine = update(person_requests).where(person_requests.c.id == request_id)
    for days, has_content in ((-1, True), (1, False)):
        closed_at = ago(days=RETENTION.days + days)
        await either.database.write(
            lambda tx, at=closed_at: tx.connection.execute(mine.values(forget_at=None, closed_at=at)) and None
        )
        await either.vault.jobs.execute_requests.forget()
        assert (await row(either, request_id))[2] is has_content
