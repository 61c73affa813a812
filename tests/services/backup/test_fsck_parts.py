"""A comparison works in parts, and on several objects concurrently; the command keeps the place between two parts.

Comparing an account with its object: a setting that the object lacks is named, whichever it is.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert

from tests.services.backup.test_fsck import checked, damage
from tests.support.restoring import available, write_all
from tests.support.service_house import House
from tests.support.stored_objects import AT
from vault.cli import progress_bar, store
from vault.database.schema.account_keys import detail_keys
from vault.database.schema.approvals import approval_rules
from vault.database.schema.requests import person_requests, request_callbacks
from vault.database.schema.retention import holds, retention_policies
from vault.domain.progress import no_progress
from vault.domain.retention.hold import RecordingSelection
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.retention_json import encode_covers, encode_retention_policy
from vault.errors import Invalid, Unavailable
from vault.services.backup.fsck import FsckPlace, FsckResult
from vault.settings import read_settings

#: A row of each setting that was not compared once, with the words that name it.
ROWS: dict[str, tuple[Table, dict[str, Any]]] = {
    "holds": (
        holds,
        {"id": "hold_1", "covers": encode_covers(RecordingSelection(everything=True)), "placed_at": AT,
         "placed_by": "key_1", "sealed_text": "\x01dGV4dA=="},
    ),
    "retention policies": (
        retention_policies,
        {"version": 1, "policy": encode_retention_policy(RetentionPolicy()), "changed_at": AT,
         "changed_by": "key_1", "effective_at": AT},
    ),
    "the rule for approvals": (
        approval_rules, {"version": 1, "enabled": True, "verbs": [], "changed_at": AT, "changed_by": "key_1"},
    ),
    "the callback for requests": (request_callbacks, {"sealed": "\x01eA==", "set_at": AT, "set_by": "key_1"}),
    "requests of people": (
        person_requests,
        {"id": "req_1", "kind": "erasure", "regime": "gdpr", "state": "review", "received_at": AT, "created_at": AT,
         "revision": 1},
    ),
    "keys": (detail_keys, {"number": 7, "wrapped_key": b"k", "key_version": 1}),
}  # fmt: skip


async def test_it_continues_where_it_was(house: House, monkeypatch: pytest.MonkeyPatch):
    """Each part compares a bounded number from the place on; together they are the whole comparison."""
    monkeypatch.setattr("vault.services.backup.fsck._PART", 2)
    ids = sorted([await available(house, f"rec-{number}", call_ref=f"call-{number}") for number in range(5)])
    await write_all(house)
    begins = [await damage(house, "missing manifest", one) for one in (ids[0], ids[4])]
    verb = replace(house.vault.backup.fsck, grace=-timedelta(days=1))
    whole = await verb(sample=3, rate=0)
    place, parts = FsckPlace(), list[FsckResult]()
    while place.stage != "done":
        parts.append(await verb.part(place, sample=3, rate=0))
        place = FsckPlace(**json.loads(json.dumps(asdict(parts[-1].place))))
    assert [part.recordings for part in parts[:3]] == [2, 2, 1]
    assert all(part.objects <= 8 for part in parts)
    assert sum(part.opened for part in parts) == whole.opened == 3
    findings = [finding for part in parts for finding in part.findings]
    assert findings == whole.findings
    assert [finding.startswith(begin) for finding, begin in zip(findings, begins, strict=True)] == [
        True,
        True,
    ]


async def test_several_are_compared_at_once(house: House):
    """The object store's answers are waited for together."""
    for number in range(5):
        await available(house, f"rec-{number}", call_ref=f"call-{number}")
    await write_all(house)
    running, most, size = 0, 0, house.objects.size

    async def slow(key: str) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        # Every read of a row takes some steps of the loop, so the others arrive here meanwhile.
        await asyncio.sleep(0.05)
        running -= 1
        return await size(key)

    house.objects.size = slow  # type: ignore[method-assign]
    assert (await checked(house, sample=0)).findings == []
    assert most > 1


async def test_the_command_keeps_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After a crash it continues with what it has counted; another file is refused."""
    asked, file = list[Any](), tmp_path / "place"
    stages = {None: "accounts", "accounts": "objects", "objects": "done"}

    async def answer(_command: str, arguments: Any, _progress: Any) -> Any:
        place = arguments["place"]
        asked.append(place)
        if len(asked) == 2:
            raise Unavailable("The server went away.")
        stage = stages[place.get("stage")]
        return {"recordings": 2, "opened": 1, "objects": 3, "findings": [stage], "place": {"stage": stage}}

    @asynccontextmanager
    async def operating(_settings: Any, _command: str) -> AsyncIterator[Any]:
        yield answer

    monkeypatch.setattr(store, "operating", operating)
    options = {"sample": 1, "rate": 0}
    with pytest.raises(Unavailable):
        await store._fsck(read_settings({}), options, file, no_progress)
    found = await store._fsck(read_settings({}), options, file, no_progress)
    assert asked == [{}, {"stage": "accounts"}, {"stage": "accounts"}, {"stage": "objects"}]
    assert (found["recordings"], found["findings"]) == (6, ["accounts", "objects", "done"])
    file.write_text("{}")
    with pytest.raises(Invalid, match="position"):
        await store._fsck(read_settings({}), options, file, no_progress)


async def test_a_step_is_named_once_without_a_terminal(capsys: pytest.CaptureFixture[str]):
    """A restore may take minutes: a log of it shows where it is, and does not grow with the archive."""
    show = progress_bar._name_steps()
    for what, done in (("log", 1), ("log", 2), ("accounts", 1)):
        await show(what, done, 2)
    assert capsys.readouterr().err.splitlines() == ["... log", "... accounts"]


@pytest.mark.parametrize("words", list(ROWS))
async def test_an_object_that_lacks_a_setting_is_named(house: House, words: str):
    """A row of which the account's object knows nothing, though it counts as written."""
    await available(house, "rec-1")
    await write_all(house)
    assert (await checked(house)).findings == []
    table, values = ROWS[words]
    row = insert(table).values(account_id=house.account.id, **values)
    await house.database.write(lambda tx: tx.connection.execute(row) and None)
    [found] = (await checked(house)).findings
    assert found.startswith(f"{house.account.id}: its object accounts/")
    assert found.endswith(f" differs in {words}.")
