"""The kinds of closing acts: a closing type of event without one fails the import, and names itself."""

import runpy
from collections.abc import MutableMapping
from typing import Any, cast

import pytest

from vault.domain.audit_log.event_types import table as event_types
from vault.domain.stored.closing_content import HOLD, SWITCH
from vault.services.closing_acts.kinds import table
from vault.services.closing_acts.kinds.access import ACCESS
from vault.services.closing_acts.kinds.rights import RIGHTS


def _imported() -> dict[str, Any]:
    return runpy.run_path(table.__file__)


def test_a_closing_type_without_a_kind_is_named(monkeypatch: pytest.MonkeyPatch):
    """The vault does not start with an act that nobody could apply again."""
    assert _imported()["_KINDS"].keys() == event_types.CLOSING.keys()
    monkeypatch.delitem(cast("MutableMapping[str, Any]", ACCESS), "key.revoked")
    with pytest.raises(LookupError, match=r"key\.revoked"):
        _imported()


def test_a_kind_with_another_content_is_named(monkeypatch: pytest.MonkeyPatch):
    """The entry of the type and its kind say the same of what is stored."""
    kinds = cast("MutableMapping[str, Any]", RIGHTS)
    monkeypatch.setitem(kinds, "hold.placed", RIGHTS["switch.changed"])
    with pytest.raises(LookupError, match=r"hold\.placed"):
        _imported()


def test_content_of_another_kind_is_refused():
    """What was decoded is what the effect takes."""
    with pytest.raises(TypeError, match="no hold"):
        HOLD.of(None)
    with pytest.raises(TypeError, match="no switch"):
        SWITCH.of("off")
