"""Closing an account: the wait, what ends immediately, the export, and what a hold, a minimum or a period keeps."""

import io
import json
import zipfile
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import (
    ACTOR,
    OTHER,
    PERSON,
    ask,
    asks,
    call,
    carried_out,
    decide,
    hurry,
    receipt,
    recorded,
)
from tests.support.retention import place, release, set_retention
from tests.support.service_house import SIGNER, House
from vault.database.account_parts.keys import KEYS
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.requests.package import MAX_DOWNLOADS
from vault.domain.requests.request import RequestState
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import Match, RetentionClass
from vault.errors import NotFound, Refused, Unavailable
from vault.services.playback.link_request import LinkRequest
from vault.services.requests import erase_account, export_account, package_files, seal_package
from vault.services.requests.progress import Progress
from vault.tlog.receipt_file import verify_receipt


@dataclass
class ReadOnly:
    """A database that nothing is written to."""

    database: Any

    async def read(self, function: Any) -> Any:
        """Read."""
        return await self.database.read(function)


def kept(name: str, agent: str, **more: Any) -> RetentionClass:
    """Return a class of the calls of an agent; periods are texts."""
    periods = {key: parse_period(more.pop(key)) for key in ("period", "minimum") if key in more}
    return RetentionClass(
        name=name, purpose="Orders", match=Match(agent=agent), **{"period": None} | periods | more
    )


async def test_case_41_a_closed_account_ends_in_order(pair: House):
    """No ingest, links dead, the export, everything erased but for what is kept, and one receipt."""
    law = {"minimum": "P5Y", "minimum_ground": "legal_obligation", "statute": "MiFID II art. 16(7)"}
    await set_retention(
        pair,
        kept("after", "Kim", period="P30D", starts="account_closed"),
        kept("law", "Robin", **law),
        kept("own", "Sam", minimum="P1Y", minimum_ground="business"),
    )
    free = await recorded(pair, "free")
    after = await recorded(pair, "after", agent="Kim")
    law_kept = await recorded(pair, "law", agent="Robin")
    own = await recorded(pair, "own", agent="Sam")
    held = await recorded(pair, "held", caller=OTHER)
    hold = (await place(pair, recordings=[held])).hold
    await call(pair, "without")
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=5)
    _, token = await pair.vault.playback.links.create(pair.account.id, free, wish, actor=ACTOR)
    await pair.vault.jobs.apply_policies()

    closure = await closing(pair, export=True)
    assert await work(pair) is RequestState.EXECUTING
    states = [await pair.state(one) for one in (free, after, law_kept, own, held)]
    erased, available = State.ERASED, State.AVAILABLE
    assert states == [erased, available, available, erased, available]
    assert not (await pair.vault.accounts.switch.read(pair.account.id)).enabled
    with pytest.raises(Refused) as refused:
        await pair.vault.accounts.switch.set(pair.account.id, enabled=True, reason=None, actor=ACTOR)
    assert refused.value.reasons == ("account_closed",)
    with pytest.raises(NotFound):
        await pair.vault.playback.open_links.open(token.text, nonce="n", address=None, agent="a")
    later = await pair.announce("later", call_ref="later")
    assert (later.status, later.recording_id) == ("refused", None)
    assert await pair.vault.recordings.calls.find(pair.account.id, PERSON, after=None, limit=9) != []

    _, blocks = await pair.vault.requests.packages.download(pair.account.id, closure, actor=ACTOR)
    files = zipfile.ZipFile(io.BytesIO(b"".join([block async for block in blocks])))
    assert files.testzip() is None
    given = {name.split("/")[1] for name in files.namelist() if name.startswith("recordings/")}
    assert given == {free, after, law_kept, own, held}
    with pytest.raises(NotFound):
        await pair.vault.requests.receipts.read(pair.account.id, closure)

    await release(pair, hold.id, at_once=True)
    assert await work(pair) is RequestState.EXECUTING
    assert await pair.state(held) is State.ERASED
    # The period after the closure passes, and the law is changed.
    await set_retention(pair)
    assert await work(pair) is RequestState.FULFILLED
    assert [await pair.state(one) for one in (after, law_kept)] == [State.ERASED] * 2
    assert await pair.vault.recordings.calls.find(pair.account.id, PERSON, after=None, limit=9) == []
    statement = verify_receipt(await receipt(pair, closure), verifier=SIGNER.verifier).statement
    assert (statement["kind"], statement["exported"], statement["outcome"]) == ("closure", True, "fulfilled")
    assert (statement["recordings_left"], statement["key_versions_destroyed"]) == (0, [1])
    kinds = await pair.events()
    assert [kinds.count(one) for one in ("account.closure_asked", "account.closed", "receipt.made")] == [
        1,
        1,
        1,
    ]


async def test_while_it_waits_nothing_changes_and_it_can_be_taken_back(either: House):
    """A second one after that is a new one; a repeated one is the same, and another content is refused."""
    recording_id = await recorded(either, "call-1")
    first = await closing(either, wait=True)
    assert await work(either, rounds=2) is RequestState.REVIEW
    assert (await either.vault.accounts.switch.read(either.account.id)).enabled
    vault, account_id = either.vault, either.account.id
    again, is_new = await vault.requests.closures.ask(
        account_id, reason="The contract has ended.", export=False, actor=ACTOR
    )
    assert (again.id, is_new) == (first, False)
    with pytest.raises(Refused) as refused:
        await vault.requests.closures.ask(account_id, reason="Another one.", export=False, actor=ACTOR)
    assert refused.value.reasons == ("closing",)
    for change in (
        vault.requests.requests.withdraw(account_id, first, actor=ACTOR),
        vault.requests.requests.pause(account_id, first, "fee", actor=ACTOR),
    ):
        with pytest.raises(Refused) as other:
            await change
        assert other.value.reasons == ("closure",)
    for _ in range(2):
        assert (
            await vault.requests.closures.take_back(account_id, actor=ACTOR)
        ).state is RequestState.WITHDRAWN
    assert await either.state(recording_id) is State.AVAILABLE
    assert await closing(either) != first
    assert await work(either) is RequestState.FULFILLED
    with pytest.raises(Refused) as late:
        await vault.requests.closures.take_back(account_id, actor=ACTOR)
    assert late.value.reasons == ("closing",)
    assert await either.state(recording_id) is State.ERASED


async def test_nothing_is_erased_before_the_export_is_made(house: House, monkeypatch: pytest.MonkeyPatch):
    """An object store that does not answer puts the closure off."""
    recording_id = await recorded(house, "call-1")
    closure = await closing(house, export=True)

    async def down(*_: object, **__: object) -> None:
        raise Unavailable("The object store does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(seal_package, "seal_stream", down)
        assert await work(house, rounds=3) is RequestState.EXECUTING
        assert await house.state(recording_id) is State.AVAILABLE
    assert await work(house) is RequestState.FULFILLED
    _, blocks = await house.vault.requests.packages.download(house.account.id, closure, actor=ACTOR)
    files = zipfile.ZipFile(io.BytesIO(b"".join([block async for block in blocks])))
    assert f"recordings/{recording_id}/recording.vcon.json" in files.namelist()
    assert json.loads(files.read("request.json"))["left_out"] == []


async def test_the_export_of_a_large_account_is_several_parts(either: House, monkeypatch: pytest.MonkeyPatch):
    """Each is a ZIP of its own with whole recordings; together they have all, each can be downloaded three times."""
    monkeypatch.setattr(package_files, "MAX_PART_BYTES", 12_000)
    monkeypatch.setattr(export_account, "_PAGE", 2)
    recording_ids = [await recorded(either, f"call-{number}") for number in range(5)]
    closure = await closing(either, export=True)
    vault, account_id = either.vault, either.account.id
    await hurry(either)
    await vault.jobs.execute_requests()
    assert [one.part for one in await vault.requests.packages.parts(account_id, closure)] == [1]
    assert {await either.state(one) for one in recording_ids} == {State.AVAILABLE}
    assert await work(either) is RequestState.FULFILLED
    parts = await vault.requests.packages.parts(account_id, closure)
    assert [one.part for one in parts] == [1, 2, 3]
    assert len({one.expires_at for one in parts}) == 1
    given, last = [], []
    for part in (1, 2, 3):
        size, blocks = await vault.requests.packages.download(account_id, closure, part=part, actor=ACTOR)
        data = b"".join([block async for block in blocks])
        files = zipfile.ZipFile(io.BytesIO(data))
        assert (len(data), files.testzip()) == (size, None)
        given += [name.split("/")[1] for name in files.namelist() if name.endswith("vcon.json")]
        last.append(json.loads(files.read("request.json"))["is_last_part"])
    assert given == recording_ids
    assert last == [False, False, True]
    shown = await vault.requests.packages.parts(account_id, closure)
    assert [MAX_DOWNLOADS - one.downloads for one in shown] == [2, 2, 2]
    with pytest.raises(NotFound):
        await vault.requests.packages.download(account_id, closure, part=4, actor=ACTOR)


async def test_at_its_end_no_former_key_is_left(either: House):
    """The version of the account's key and its month keys are gone, so an old backup opens nothing; receipts open."""
    await recorded(either, "call-1")
    vault, account_id = either.vault, either.account.id

    def keys(tx: Transaction) -> tuple[list[int], int]:
        known = tx.account_objects.read(account_id)
        return list(known[KEYS].versions), len(known[KEYS].month_keys)

    assert await either.database.read(keys) == ([1], 2)
    earlier = await ask(either, asks("restriction"))
    await decide(either, earlier.request.id, "no_match", reason="It is somebody else's.")
    await carried_out(either, earlier.request.id)
    closure = await closing(either)
    assert await work(either) is RequestState.FULFILLED
    assert await either.database.read(keys) == ([2], 0)
    (rotation,) = (await vault.key_rotation.rotations.status(account_id)).rotations
    assert rotation.destroyed_at is not None
    for request_id in (earlier.request.id, closure):
        verify_receipt(await receipt(either, request_id), verifier=SIGNER.verifier)


async def test_what_is_kept_does_not_hide_what_comes_after_it(either: House, monkeypatch: pytest.MonkeyPatch):
    """Recordings are read in pages; a first page of held ones is not the last one."""
    monkeypatch.setattr(erase_account, "_PAGE_SIZE", 1)
    monkeypatch.setattr(erase_account, "_PAGES", 1)
    recording_ids = [await recorded(either, f"call-{number}") for number in range(3)]
    await place(either, recordings=recording_ids[:1])
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    states = [await either.state(one) for one in recording_ids]
    assert states == [State.AVAILABLE, State.ERASED, State.ERASED]


async def test_calls_that_are_held_do_not_hide_the_others(either: House, monkeypatch: pytest.MonkeyPatch):
    """Calls without recordings are read in pages too."""
    monkeypatch.setattr(erase_account, "_PAGE_SIZE", 1)
    for number in range(3):
        await call(either, f"call-{number}")
    await place(either, calls=["call-0"])
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    left = await either.vault.recordings.calls.find(either.account.id, PERSON, after=None, limit=9)
    assert [one.call_ref for one in left] == ["call-0"]


@pytest.mark.parametrize("by", ["law", "class", "hold", "hold of all"])
async def test_what_is_kept_is_written_at_no_try(either: House, by: str):
    """It can be an archive that the law keeps for years: each try reads it, and other accounts have their turns."""
    classes = {
        "law": kept(
            "k", "Kim", minimum="P5Y", minimum_ground="legal_obligation", statute="MiFID II art. 16(7)"
        ),
        "class": kept("k", "Kim", period="P30D", starts="account_closed"),
    }
    if by in classes:
        await set_retention(either, classes[by])
    recording_ids = [await recorded(either, f"call-{number}", agent="Kim") for number in range(3)]
    if by not in classes:
        await place(either, **({"recordings": recording_ids} if by == "hold" else {"everything": True}))
    await either.vault.jobs.apply_policies()
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    await hurry(either)
    (row,) = await either.database.read(lambda tx: tx.requests.executing(tx.now(), limit=9))
    request = await either.vault.requests.closures.read(either.account.id)
    erase = either.vault.jobs.execute_requests.close_account.erase
    assert await replace(erase, database=ReadOnly(either.database))(request) is Progress.NONE
    assert row.request.id == request.id
    assert {await either.state(one) for one in recording_ids} == {State.AVAILABLE}
