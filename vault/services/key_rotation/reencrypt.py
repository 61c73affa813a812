"""Re-encrypt rows from one version of an account's key to another, or to month keys.

Keys are unwrapped and wrapped, messages are opened and sealed. The encryption contexts do not change, so rows
cannot be swapped on the way. Rows that do not decrypt are left unchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vault.database.stores.key_rotation.sealed_columns import SealedKind, SealedRow
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.encryption_context import Context
from vault.errors import Tampered
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal
from vault.sealing.wrapping import unwrap, wrap

#: The encryption context of each kind, by account and name.
_BOUND: Final[Mapping[SealedKind, Callable[[str, str], Context]]] = {
    "recording_key": bound.of_recording_key,
    "month_key": bound.of_month_key,
    "index_key": lambda account_id, _: bound.of_index_key(account_id),
    "detail_key": lambda account_id, name: bound.of_detail_key(account_id, int(name)),
    "credentials": bound.of_credentials,
    "announcement": bound.of_announcement,
    "call_fact": bound.of_call_fact,
    "consent_event": bound.of_consent_event,
    "objection": bound.of_objection,
    "listener": bound.of_listener,
    "prompt": bound.of_prompt,
    "request": bound.of_request,
    "receipt": bound.of_receipt,
    "package_key": bound.of_package_key,
    "register_entry": bound.of_register_entry,
}
#: Kinds that are keys: these are wrapped, not sealed as messages.
_KEYS: Final[frozenset[SealedKind]] = frozenset(
    {"recording_key", "month_key", "index_key", "detail_key", "package_key"}
)


def reseal(
    kind: SealedKind, account_id: str, rows: Sequence[SealedRow], *, old: NamedKey, new: NamedKey
) -> tuple[list[tuple[SealedRow, bytes]], list[str]]:
    """Return each row with its new ciphertext, and the names of the rows that do not decrypt."""
    sealed, damaged = [], []
    for row in rows:
        try:
            sealed.append((row, _resealed(kind, row, _BOUND[kind](account_id, row.name), old, new)))
        except Tampered:
            damaged.append(row.name)
    return sealed, damaged


def _resealed(kind: SealedKind, row: SealedRow, context: Context, old: NamedKey, new: NamedKey) -> bytes:
    if kind in _KEYS:
        return wrap(new, unwrap(old, row.sealed, context), context)
    return seal(new, context, open_message(old, row.sealed, context=context))
