"""The kinds of closing acts: a closing type of event without one fails the import, and names itself.

A hold that is placed again because its object was not stored, and one that only looks like it.
"""

import runpy
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from tests.services.closing_acts.test_closing import store_without_acts
from tests.support.parties import ME
from tests.support.service_house import House
from vault.domain.audit_log.event_types import table as event_types
from vault.domain.stored.closing_content import HOLD, SWITCH
from vault.errors import Unavailable
from vault.services.closing_acts.kinds import table
from vault.services.closing_acts.kinds.access import ACCESS
from vault.services.closing_acts.kinds.rights import RIGHTS
from vault.services.retention.holds import HoldView
from vault.services.retention.place_hold import HoldRequest

WANTED = HoldRequest(
    name="Acme v. Doe", reason="claim 7", calls=["call-1"], ends_at=datetime(2026, 9, 1, tzinfo=UTC)
)


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


async def _placed(house: House, wanted: HoldRequest) -> HoldView:
    """Place WANTED without its object, then ``wanted``; return that."""
    async with store_without_acts(house):
        with pytest.raises(Unavailable):
            await house.vault.retention.holds.place(house.account.id, WANTED, **ME)
    return await house.vault.retention.holds.place(house.account.id, wanted, **ME)


async def test_the_same_hold_again_is_one_hold(either: House):
    """The second request stores what the first one left."""
    await _placed(either, WANTED)
    assert len(await either.vault.retention.holds.page(either.account.id, after=None, limit=9)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"name": "Acme v. Roe"},
        {"reason": "claim 8"},
        {"ends_at": None},
        {"ends_at": datetime(2026, 9, 2, tzinfo=UTC)},
    ],
    ids=str,
)
async def test_a_hold_with_other_words_or_another_day_is_another_one(house: House, other: dict[str, object]):
    """It says why for its own part, and is released by itself."""
    wanted = replace(WANTED, **other)  # type: ignore[arg-type]
    view = await _placed(house, wanted)
    assert (view.name, view.reason, view.hold.ends_at) == (wanted.name, wanted.reason, wanted.ends_at)
    assert len(await house.vault.retention.holds.page(house.account.id, after=None, limit=9)) == 2
