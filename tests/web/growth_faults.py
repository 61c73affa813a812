"""Faults that the table of growth must find: each is put in, and returns the operation that shows it."""

from collections.abc import Callable, Mapping
from functools import partialmethod
from typing import Any, Final

import pytest

from tests.web.growth_scene import Cost
from vault.database.stores.calls.call_changes import CallChangeRows
from vault.database.stores.playback.links import LinkRows
from vault.database.stores.recordings.recordings import RecordingRows
from vault.domain.calls.number_reader import regions_of
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.number_terms import read_text
from vault.services.consent import record_consent
from vault.services.lifecycle import evidence_chain
from vault.services.recordings import recording_changes, recordings
from vault.services.shared import paced


def _lists_are_whole(patch: pytest.MonkeyPatch, _: Mapping[str, Cost]) -> str:
    """A list without pages."""
    page = LinkRows.page

    def whole(rows: LinkRows, page: Callable[..., Any], *wanted: Any, **named: Any) -> Any:
        return page(rows, *wanted, **named | {"limit": 10**6})

    patch.setattr(LinkRows, "page", partialmethod(whole, page))
    return "list_links"


def _rows_take_no_turns(patch: pytest.MonkeyPatch, large: Mapping[str, Cost]) -> str:
    """Decryption on the loop without an end."""
    patch.setattr(paced, "BATCH", 10**9)
    reads = [name for name in large if name.startswith(("get", "list"))]
    return max(reads, key=lambda one: large[one].rows)


def _chains_grow_one_by_one(patch: pytest.MonkeyPatch, _: Mapping[str, Cost]) -> str:
    """A statement for each recording of a call."""

    def one_by_one(tx: Any, opened: Any, *entry: Any, at: Any) -> None:
        for one in opened:
            evidence_chain.append(tx, one, *entry, at=at)

    patch.setattr(record_consent, "append_to_each", one_by_one)
    return "post_consent"


def _numbers_are_read_again(patch: pytest.MonkeyPatch, _: Mapping[str, Cost]) -> str:
    """Each decision reads every number of the call, in the numbering plan of every place that was ever reported."""
    open_call = CallOpener.open

    async def open_again(
        self: CallOpener, account_id: str, call_ref: str, rows: Any, *own: Any, **more: Any
    ) -> Any:
        known = await open_call(self, account_id, call_ref, rows, *own, **more)
        claims = known.claims
        plans = (*rows.regions, *regions_of("", sorted(claims.caller_places | claims.callee_places)))
        for number in claims.numbers:
            read_text(self.numbers, number, plans)
        return known

    patch.setattr(CallOpener, "open", open_again)
    return "get_call spelled"


def _changed_calls_are_whole(patch: pytest.MonkeyPatch, _: Mapping[str, Cost]) -> str:
    """Every call that has changed, on one page."""
    page = CallChangeRows.page
    patch.setattr(
        CallChangeRows, "page", lambda rows, account, after, **_: page(rows, account, after, limit=10**6)
    )
    return "list_calls changed"


def _changed_recordings_are_whole(patch: pytest.MonkeyPatch, _: Mapping[str, Cost]) -> str:
    """Every recording that has changed, of all entries of the log, on one page."""
    page, changes = RecordingRows.page, recording_changes.changes_since
    patch.setattr(recording_changes, "SCANNED", 10**6)
    patch.setattr(
        recordings, "changes_since", lambda tx, account, place, **_: changes(tx, account, place, limit=10**6)
    )
    patch.setattr(
        RecordingRows,
        "page",
        lambda rows, account, wanted, before, **_: page(rows, account, wanted, before=before, limit=10**6),
    )
    return "list_recordings changed"


#: In the order in which they are put in.
TAKEN_OUT: Final = (
    _lists_are_whole, _rows_take_no_turns, _chains_grow_one_by_one, _numbers_are_read_again, _changed_calls_are_whole,
    _changed_recordings_are_whole,
)  # fmt: skip
