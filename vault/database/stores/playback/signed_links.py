"""All data of a signed link in one statement: its key, its recording, its first use, and whether it is cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, case, exists, literal, or_, select

from vault.database.schema.core import links, micros, recordings
from vault.database.schema.playback import link_cuts, link_keys
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import DatabaseNow
from vault.database.stores.playback.hot_reads import (
    LINK_COLUMNS,
    RECORDING_LABELS,
    RecordingWithKeys,
    link_from,
    read_recording,
)
from vault.domain.playback.link import Link
from vault.domain.playback.link_key import LinkKey
from vault.domain.playback.signed_token import Permission
from vault.domain.recordings.recording import State, row_keys_of

_KEY: Final = [link_keys.c[name].label(f"key_{name}_") for name in LinkKey.__slots__]
_C = link_cuts.c
_IS_CUT = (
    exists(literal(1))
    .where(
        _C.account_id == link_keys.c.account_id,
        _C.minted_before > bindparam("minted_at"),
        or_(
            _C.target == "account",
            and_(_C.target == "key", _C.value == link_keys.c.id),
            and_(_C.target == "recording", _C.value == recordings.c.id),
            and_(_C.target == "listener", _C.value == bindparam("listener")),
            and_(_C.target == "jti", _C.value == bindparam("jti")),
        ),
    )
    .label("is_cut")
)


def _query(*recording: Any) -> Select[Any]:
    """Select by ``key_id`` and ``link_id``, and the recording of the key's account by these conditions."""
    return (
        select(
            *_KEY, *LINK_COLUMNS, links.c.token_hash, *RECORDING_LABELS, _IS_CUT, DatabaseNow().label("now")
        )
        .select_from(link_keys)
        .join(recordings, and_(recordings.c.account_id == link_keys.c.account_id, *recording))
        .outerjoin(
            links, and_(links.c.id == bindparam("link_id"), links.c.account_id == link_keys.c.account_id)
        )
        .where(link_keys.c.id == bindparam("key_id"))
        .limit(2)
    )


#: Which of two recordings that have the same references a permission means.
_RANKS: Final = {State.AVAILABLE: 0, State.QUARANTINED: 1}
_BY_RANK: Final = case(
    {str(state): rank for state, rank in _RANKS.items()}, value=recordings.c.state, else_=len(_RANKS)
)
#: The recording by ``recording_id``.
SIGNED: Final = CompiledSelect(_query(recordings.c.id == bindparam("recording_id")))
#: The recording by the platform's ids of its call and of itself, an available one first.
SIGNED_BY_REF: Final = CompiledSelect(
    _query(
        recordings.c.call_ref == bindparam("call_ref"),
        recordings.c.recording_ref.in_([bindparam("recording_ref"), bindparam("recording_ref_in_call")]),
    ).order_by(_BY_RANK)
)
#: A key by ``key_id``.
LINK_KEY: Final = CompiledSelect(select(*_KEY).where(link_keys.c.id == bindparam("key_id")))


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionQuery:
    """The statement for a permission, with its parameters."""

    select: CompiledSelect
    values: Mapping[str, object]

    @classmethod
    def of(cls, permission: Permission, listener_term: bytes | None) -> "PermissionQuery":
        """Ask for the recording that the permission names."""
        values: dict[str, object] = {
            "key_id": permission.key_id,
            "link_id": permission.link_id,
            "minted_at": micros(permission.minted_at),
            "listener": "" if listener_term is None else listener_term.hex(),
            "jti": permission.jti,
        }
        if permission.recording_id is not None:
            return cls(select=SIGNED, values=values | {"recording_id": permission.recording_id})
        # A permission has its id or both references.
        call_ref, name = permission.call_ref or "", permission.recording_ref or ""
        refs = dict(zip(("recording_ref", "recording_ref_in_call"), row_keys_of(name, call_ref), strict=True))
        refs["call_ref"] = call_ref
        return cls(select=SIGNED_BY_REF, values=values | refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLinkState:
    """The state of a signed link."""

    key: LinkKey
    #: The link that its permission became when it was first used; None before that.
    link: Link | None
    #: SHA-256 of the token that became the link.
    token_hash: bytes | None
    recording: RecordingWithKeys
    is_cut: bool


def read_signed_link(rows: Sequence[Mapping[str, Any]]) -> SignedLinkState | None:
    """Read the row of SIGNED or SIGNED_BY_REF.

    Of two recordings that have the references, from two connections, it is the one that can be played; None if both
    can, or neither.
    """
    if not rows or (len(rows) > 1 and _rank(rows[0]) == _rank(rows[1])):
        return None
    row = rows[0]
    return SignedLinkState(
        key=_key(row),
        link=None if row["link_id_"] is None else link_from(row),
        token_hash=row["token_hash"],
        recording=read_recording(row),
        is_cut=bool(row["is_cut"]),
    )


def _rank(row: Mapping[str, Any]) -> int:
    return _RANKS.get(read_recording(row).recording.state, len(_RANKS))


def read_link_key(rows: Sequence[Mapping[str, Any]]) -> LinkKey | None:
    """Read the row of LINK_KEY."""
    return None if not rows else _key(rows[0])


def _key(row: Mapping[str, Any]) -> LinkKey:
    values = {name: row[f"key_{name}_"] for name in LinkKey.__slots__}
    return LinkKey(**values | {"kinds": tuple(values["kinds"]), "networks": tuple(values["networks"])})
