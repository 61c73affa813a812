"""Rotation of account keys in a transaction: the rows sealed under a version, and their replacement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, get_args

#: All kinds of rows with data that an account key version wraps or seals. Recordings are first.
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
    """A secret of the account, wrapped by a version of its account key."""

    wrapped: bytes = field(repr=False)
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """One value that a version of an account key wraps or seals."""

    #: The name in its encryption context: the row's id, a connection's name, or a detail key's number.
    name: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """The rotation of one version of an account key."""

    account_id: str
    version: int
    begun_at: datetime
    #: An API key's id, or ``operator``.
    begun_by: str
    #: Recordings whose keys are re-wrapped so far.
    rewrapped: int
    #: When the version became unused; None until then.
    settled_at: datetime | None
    #: None while the version can still be unwrapped.
    destroyed_at: datetime | None
    #: The signed statement, a note; None until the version is destroyed.
    statement: bytes | None


class Rotations(Protocol):
    """Versions of account keys: adding, re-encrypting, destroying."""

    def begin(self, rotation: KeyRotation, *, wrapped_key: bytes) -> None:
        """Add the version after ``rotation.version`` and make it current.

        The caller holds the account's exclusive lock. Raises KeyRetired if another request added it first.
        """

    def add_detail_key(self, account_id: str, number: int, wrapped: WrappedSecret) -> None:
        """Add a key for details of access events; an existing one with this number stays.

        The caller holds the account's shared lock. Raises KeyRetired unless the current version wraps it.
        """

    def detail_key(self, account_id: str, number: int) -> WrappedSecret:
        """Return a wrapped detail key. Raises NotFound."""

    def of_account(self, account_id: str) -> Sequence[KeyRotation]:
        """Return the account's rotations, oldest first."""

    def unfinished(self, limit: int, *, account_id: str | None = None) -> Sequence[KeyRotation]:
        """Return rotations whose version is not destroyed yet, of this or every account, oldest first."""

    def under(
        self, kind: SealedKind, account_id: str, version: int, *, but: Sequence[str] = (), limit: int
    ) -> Sequence[SealedRow]:
        """Return rows sealed under a version, except those named in ``but``."""

    def replace(
        self,
        kind: SealedKind,
        rotation: KeyRotation,
        rows: Sequence[tuple[SealedRow, bytes]],
        *,
        version: int,
    ) -> int:
        """Compare-and-swap each row's ciphertext with one under ``version``; return the number of changed rows.

        A row that was changed or shredded since it was read is skipped. A new recording key makes its manifest
        due. The caller holds the account's shared lock.
        """

    def remaining(self, account_id: str, version: int) -> Mapping[str, int]:
        """Return the number of rows under a version by kind, and the number of manifests as ``manifest``."""

    def settle(self, rotation: KeyRotation, at: datetime) -> None:
        """Mark the version as unused, so that the account's object no longer contains it."""

    def object_behind(self, account_id: str) -> bool:
        """Return whether the account's object is out of date."""

    def destroy(self, rotation: KeyRotation, *, at: datetime, statement: bytes) -> None:
        """Permanently delete the version's wrapped key, and store the statement.

        The caller holds the account's exclusive lock and has checked that nothing remains under the version.
        """

    def manifests_behind(self, limit: int) -> int:
        """Return the number of manifests that are due, at most ``limit``."""

    def wrapped_keys(self) -> Mapping[tuple[str, int], bytes]:
        """Return every wrapped version of every account key, by account and version."""

    def replace_wrapped_key(self, account_id: str, version: int, *, old: bytes, new: bytes) -> None:
        """Compare-and-swap a wrapped account key with one under another root key; skipped if it changed meanwhile."""
