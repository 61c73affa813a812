"""What a transaction offers for the rotation of account keys: what lies under a version, and its replacement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, get_args

#: Everything that a version of an account's key wraps or seals, and that has a row. Recordings come first.
SealedKind = Literal[
    "recording_key",
    "index_key",
    "detail_key",
    "credentials",
    "announcement",
    "call_fact",
    "consent_event",
    "objection",
    "listener",
    "prompt",
]
SEALED_KINDS: tuple[SealedKind, ...] = get_args(SealedKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedSecret:
    """A key of the account's that is wrapped by a version of its account key."""

    wrapped: bytes = field(repr=False)
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """One thing that a version of an account's key wraps or seals."""

    #: What its encryption context names: the row's id, a connection's name, or a detail key's number.
    name: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """A version of an account's key on its way out."""

    account_id: str
    version: int
    begun_at: datetime
    #: An API key's id, or ``operator``.
    begun_by: str
    #: Recordings whose keys were wrapped anew so far.
    rewrapped: int
    #: When nothing was left under the version; None until then.
    settled_at: datetime | None
    #: None while the version can still be unwrapped.
    destroyed_at: datetime | None
    #: The signed statement, a note; there once the version is destroyed.
    statement: bytes | None


class Rotations(Protocol):
    """Versions of account keys: added, emptied, destroyed."""

    def begin(self, rotation: KeyRotation, *, wrapped_key: bytes) -> None:
        """Add the version after ``rotation.version``, which is current from here on.

        The caller holds the account's exclusive lock. Raises KeyRetired if another request added it first.
        """

    def add_detail_key(self, account_id: str, number: int, wrapped: WrappedSecret) -> None:
        """Add a key that seals details of access events; one of this number that is there stays.

        The caller holds the account's shared lock. Raises KeyRetired unless the current version wraps it.
        """

    def detail_key(self, account_id: str, number: int) -> WrappedSecret:
        """Return a key of details, wrapped. Raises NotFound."""

    def of_account(self, account_id: str) -> Sequence[KeyRotation]:
        """Return the account's rotations, oldest first."""

    def unfinished(self, limit: int, *, account_id: str | None = None) -> Sequence[KeyRotation]:
        """Return rotations whose version is not destroyed yet, of this account or any, oldest first."""

    def under(
        self, kind: SealedKind, account_id: str, version: int, *, but: Sequence[str] = (), limit: int
    ) -> Sequence[SealedRow]:
        """Return what lies under a version, but for what is named."""

    def replace(
        self,
        kind: SealedKind,
        rotation: KeyRotation,
        rows: Sequence[tuple[SealedRow, bytes]],
        *,
        version: int,
    ) -> int:
        """Put what was sealed anew under ``version`` in its place, and return how many rows that changed.

        A row that was changed or shredded since it was read stays as it is. A recording's manifest is due
        with its key. The caller holds the account's shared lock.
        """

    def remaining(self, account_id: str, version: int) -> Mapping[str, int]:
        """Return how many rows of each kind lie under a version, and how many manifests (``manifest``)."""

    def settle(self, rotation: KeyRotation, at: datetime) -> None:
        """Note that nothing is left under the version, so that the account's object loses it."""

    def object_behind(self, account_id: str) -> bool:
        """Return whether the account's object is still to be written as it is now."""

    def destroy(self, rotation: KeyRotation, *, at: datetime, statement: bytes) -> None:
        """Delete the version's wrapped key for good, and keep the statement.

        The caller holds the account's exclusive lock, and has seen that nothing remains.
        """

    def manifests_behind(self, limit: int) -> int:
        """Return how many manifests are due, at most ``limit``."""

    def wrapped_keys(self) -> Mapping[tuple[str, int], bytes]:
        """Return every version of every account's key, wrapped, by account and version."""

    def replace_wrapped_key(self, account_id: str, version: int, *, old: bytes, new: bytes) -> None:
        """Put a version that another root key wraps in its place; one that was changed meanwhile stays."""
