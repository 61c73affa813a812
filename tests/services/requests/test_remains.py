"""After an erasure by number: nothing of the person is left in clear, and a crash at any write does nothing twice."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.services.requests.people import (
    ACTOR,
    PERSON,
    ask,
    asks,
    call,
    carried_out,
    decide,
    receipt,
    recorded,
)
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
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
