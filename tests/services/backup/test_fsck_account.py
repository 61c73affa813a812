"""Comparing an account with its object: a setting that the object lacks is named, whichever it is."""

from typing import Any

import pytest
from sqlalchemy import Table, insert

from tests.services.backup.test_fsck import checked
from tests.support.restoring import available, write_all
from tests.support.service_house import House
from tests.support.stored_objects import AT
from vault.database.schema.account_keys import detail_keys
from vault.database.schema.approvals import approval_rules
from vault.database.schema.requests import person_requests, request_callbacks
from vault.database.schema.retention import holds, retention_policies
from vault.domain.retention.hold import RecordingSelection
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.retention_json import encode_covers, encode_retention_policy

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
