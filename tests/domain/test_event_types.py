"""The table of event types: what is forgotten in it fails the import, and names itself."""

import runpy
from collections.abc import MutableMapping
from dataclasses import replace
from types import ModuleType
from typing import Any, cast

import pytest

from vault.domain.audit_log import replay
from vault.domain.audit_log.event_types import table
from vault.domain.audit_log.event_types.event_rules import Closing
from vault.domain.audit_log.event_types.playback import PLAYBACK_EVENTS
from vault.domain.stored import closing_content

#: The entries as what they are.
_ENTRIES = cast("MutableMapping[str, Any]", PLAYBACK_EVENTS)


def imported(module: ModuleType) -> dict[str, Any]:
    """Run a module beside the one that is loaded."""
    return runpy.run_path(str(module.__file__))


def test_a_type_without_an_entry_is_named(monkeypatch: pytest.MonkeyPatch):
    """As one whose entry somebody forgot."""
    assert imported(table)["EVENT_TYPES"] == table.EVENT_TYPES
    monkeypatch.delitem(_ENTRIES, "waveform.read")
    with pytest.raises(LookupError, match=r"no entry in their table: waveform\.read"):
        imported(table)


@pytest.mark.parametrize(("name", "says"), [("link.revoked", "nothing"), ("link.created", "leaf")])
def test_a_restore_applies_the_leaves_that_the_table_says(
    monkeypatch: pytest.MonkeyPatch, name: str, says: str
):
    """No other ones, and all of these."""
    rules = {**table.EVENT_TYPES, name: replace(_ENTRIES[name], replay=says)}
    monkeypatch.setattr(table, "EVENT_TYPES", rules)
    with pytest.raises(LookupError, match=name):
        imported(replay)


def test_content_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch):
    """An entry of a closing type names its content."""
    odd = Closing(content="odd", until="leaf", subject="result")
    monkeypatch.setattr(table, "CLOSING", {**table.CLOSING, "link.revoked": odd})
    with pytest.raises(LookupError, match="odd"):
        imported(closing_content)
