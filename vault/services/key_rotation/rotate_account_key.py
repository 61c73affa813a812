"""Rotating an account's key: a new version seals what comes, at once and on every node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import NotFound, Refused
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.rotation import KeyRotation
from vault.services.audit_log.anchor import Anchor
from vault.tlog.key_statement import open_statement
from vault.tlog.note import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationProgress:
    """How far the rotations of an account's key have come."""

    #: The version that seals now.
    current: int
    #: Oldest first; at most the last one is under way.
    rotations: Sequence[KeyRotation]
    #: What still lies under the version that is on its way out, by kind; all zero or empty where none is.
    remaining: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateAccountKey:
    """Add the next version of an account's key. What lies under the one before is wrapped anew by Rewrap.

    The new version is committed under the account's exclusive lock, and whoever writes what was sealed holds
    the shared one and asks which version is current (database/stores/current_key_check.py). So once this has returned,
    nothing more comes under the old version on any node.
    """

    database: Database
    ring: KeyRing

    async def __call__(self, account_id: str, *, actor: str) -> RotationProgress:
        """Return how the account's rotations stand. Raises Refused while one is under way, Unavailable."""
        before = await self.database.read(lambda tx: _idle(tx, account_id))
        now = await self.ring.version(account_id, before)
        return await self._begin(account_id, before, now.own_key, actor)

    async def under(
        self, account_id: str, own_key: str | None, *, actor: str
    ) -> tuple[RotationProgress, bool]:
        """Let the next version lie under a key of the account's own, or under the root key alone again.

        Returns how the account's rotations stand, and whether one was begun: none is where that is so already.
        Raises Invalid for what names no key; Refused where the vault cannot use it, or while a rotation is
        under way; Unavailable.
        """
        if (await _current(self.database, self.ring, account_id)).own_key == own_key:
            return await self.database.read(lambda tx: progress_of(tx, account_id)), False
        before = await self.database.read(lambda tx: _idle(tx, account_id))
        return await self._begin(account_id, before, own_key, actor), True

    async def _begin(self, account_id: str, before: int, own_key: str | None, actor: str) -> RotationProgress:
        _, wrapped = await self.ring.create(account_id, version=before + 1, own_key=own_key)
        result = f"v{before + 1}" if own_key is None else f"v{before + 1}_own_key"

        def begin(tx: Transaction) -> RotationProgress:
            tx.lock_account(account_id, exclusive=True)
            _idle(tx, account_id)
            now = tx.now()
            rotation = KeyRotation(
                account_id=account_id,
                version=before,
                begun_at=now,
                begun_by=actor,
                rewrapped=0,
                settled_at=None,
                destroyed_at=None,
                statement=None,
            )
            # Refused as retired if another request added this version since it was asked for.
            tx.rotations.begin(rotation, wrapped_key=wrapped)
            tx.events.append(
                AccessEvent(type="key.rotated", at=now, account_id=account_id, actor=actor, result=result)
            )
            return progress_of(tx, account_id)

        try:
            return await self.database.write(begin)
        finally:
            self.ring.forget(account_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRotations:
    """Say how far the rotations of an account's key have come, and give out the statements."""

    database: Database
    ring: KeyRing
    signer: Signer
    anchor: Anchor

    async def __call__(self, account_id: str) -> RotationProgress:
        """Return every rotation there was."""
        return await self.database.read(lambda tx: progress_of(tx, account_id))

    async def current(self, account_id: str) -> AccountKey:
        """Return the version that seals what comes. Raises Tampered, Unavailable."""
        return await _current(self.database, self.ring, account_id)

    async def statement(self, account_id: str, version: int) -> bytes:
        """Return the signed statement about a version that was destroyed. Raises NotFound, Unavailable."""
        for rotation in await self.database.read(lambda tx: tx.rotations.of_account(account_id)):
            if rotation.version == version and rotation.statement is not None:
                # It says how large the log was, so it is shown once that much of the log is anchored.
                said = open_statement(rotation.statement, [self.signer.verifier])
                await self.anchor.covering(said.size)
                return rotation.statement
        raise NotFound("This version of the account's key was not destroyed.")


async def _current(database: Database, ring: KeyRing, account_id: str) -> AccountKey:
    # Another node may have begun a rotation: which version is current is the database's to say, not the ring's.
    version = await database.read(lambda tx: tx.accounts.current_key_version(account_id))
    return await ring.version(account_id, version)


def progress_of(tx: Transaction, account_id: str) -> RotationProgress:
    """Return how the account's rotations stand in this transaction."""
    rotations = tx.rotations.of_account(account_id)
    leaving = [rotation.version for rotation in rotations if rotation.destroyed_at is None]
    return RotationProgress(
        current=tx.accounts.current_key_version(account_id),
        rotations=rotations,
        remaining=tx.rotations.remaining(account_id, leaving[0]) if leaving else {},
    )


def _idle(tx: Transaction, account_id: str) -> int:
    """Return the current version. Raises Refused while one before it is on its way out."""
    if tx.rotations.unfinished(1, account_id=account_id):
        raise Refused(
            "A version of this account's key is on its way out. When it is destroyed, rotate again.",
            reasons=("rotation_under_way",),
        )
    return tx.accounts.current_key_version(account_id)
