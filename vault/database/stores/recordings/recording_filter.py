"""Conditions on the rows of recordings: those of a filter, and of the keyed hashes of numbers and names."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnExpressionArgument, CompoundSelect, select, text

from vault.database.schema.accounts import IS_SET_ASIDE, SET_ASIDE
from vault.database.schema.core import IS_WORK, recording_terms, recordings
from vault.database.stores.calls.call_facts import refs_of_terms
from vault.database.stores.calls.call_metadata import recordings_of_metadata, refs_of_metadata
from vault.domain.recordings.recording import GONE, WORK, RecordingFilter, row_keys_of

_R = recordings.c
_SAME: Final = ("state", "call_ref", "retention_class", "connection_id")


def conditions_of(account_id: str, selection: RecordingFilter) -> list[ColumnExpressionArgument[bool]]:
    """Return the conditions of a filter on an account's recordings."""
    found: list[ColumnExpressionArgument[bool]] = [_R.account_id == account_id]
    same = {name: getattr(selection, name) for name in _SAME}
    found += [_R[name] == value for name, value in same.items() if value is not None]
    # For SQLite, which takes the partial index of the state only if the query repeats its condition.
    if selection.state in SET_ASIDE:
        found.append(text(IS_SET_ASIDE))
    elif selection.state in WORK:
        found.append(text(IS_WORK))
    if selection.name is not None:
        found.append(_R.recording_ref.in_(row_keys_of(selection.name, selection.call_ref or "")))
    if selection.ids is not None:
        found.append(_R.id.in_(selection.ids))
    if selection.connection_ids is not None:
        found.append(_R.connection_id.in_(selection.connection_ids))
    if selection.received_from is not None:
        found.append(_R.received_at >= selection.received_from)
    if selection.received_to is not None:
        found.append(_R.received_at < selection.received_to)
    for terms in selection.terms:
        # An erased recording is never found, even before its terms are deleted.
        found += [_R.id.in_(matching_recordings(account_id, terms)), _R.state.not_in(GONE)]
    for term in selection.metadata:
        found += [_R.id.in_(_with_metadata(account_id, term)), _R.state.not_in(GONE)]
    return found


def _with_metadata(account_id: str, term: bytes) -> CompoundSelect[tuple[str]]:
    """Select recordings that have, or whose calls have, metadata with this term."""
    by_call = select(_R.id).where(
        _R.account_id == account_id, _R.call_ref.in_(refs_of_metadata(account_id, term))
    )
    return recordings_of_metadata(account_id, term).union(by_call)


def matching_recordings(account_id: str, terms: Sequence[bytes]) -> CompoundSelect[tuple[str]]:
    """Select recordings that have, or whose calls have, one of these terms."""
    own = recording_terms.c
    by_itself = select(own.recording_id).where(own.account_id == account_id, own.term.in_(terms))
    by_call = select(_R.id).where(
        _R.account_id == account_id, _R.call_ref.in_(refs_of_terms(account_id, terms))
    )
    return by_itself.union(by_call)
