"""Begin the rotation of an account's key, and show its progress: the new version seals all new data, on every node.

vault/services/key_rotation/rewrap_account.py carries it out: month keys are wrapped again in the account object, and
the manifests of earlier releases' recordings become due for vault/services/backup/write_due_manifests.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account_keys import KeyRotation
from vault.errors import NotFound, Refused
from vault.ports.keys import AccountKey, KeyRing
from vault.services.audit_log.anchor import Anchor
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.begin_rotation import begin_rotation, idle_version
from vault.tlog.key_statement import open_statement
from vault.tlog.note import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationProgress:
    """The progress of the rotations of an account's key."""

    #: The current version.
    current: int
    #: Oldest first; at most the last one is in progress.
    rotations: Sequence[KeyRotation]
    #: Rows that still use the outgoing version, by kind; all zero, or empty if there is none.
    remaining: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotations:
    """Rotate an account's key, and show the progress and the signed statements."""

    database: Database
    ring: KeyRing
    signer: Signer
    anchor: Anchor

    async def begin(self, account_id: str, *, actor: str) -> RotationProgress:
        """Begin a rotation: add the next version of an account's key. Rewrap re-encrypts the data of the previous one.

        After this has returned, no node writes data under the old version.

        Return the account's progress. Raises Refused while one is in progress, Unavailable.
        """
        before = await self.database.read(lambda tx: idle_version(tx, account_id))
        now = await self.ring.version(account_id, before)
        return await self._add_version(account_id, before, now.own_key, actor)

    async def use_key(
        self, account_id: str, own_key: str | None, *, actor: str, approved: Approved | None = None
    ) -> tuple[RotationProgress, bool]:
        """Rotate to a version wrapped by a customer-managed key, or again by the root key only.

        Returns the account's progress, and whether a rotation was begun: none if the key is already in use.
        Raises Invalid for a malformed key name; Refused if the vault cannot use the key, or while a rotation is in
        progress; ApprovalNeeded; Unavailable.
        """
        if (await _current(self.database, self.ring, account_id)).own_key == own_key:
            if approved is not None:
                raise Refused("The key is in use already.", reasons=("in_use",))
            return await self.database.read(lambda tx: progress_of(tx, account_id)), False
        before = await self.database.read(lambda tx: idle_version(tx, account_id))
        effect = {"from_version": before}
        return await self._add_version(
            account_id,
            before,
            own_key,
            actor,
            gate=lambda tx: require_approval(tx, account_id, "own_key", approved, effect),
        ), True

    async def _add_version(
        self,
        account_id: str,
        before: int,
        own_key: str | None,
        actor: str,
        *,
        gate: Callable[[Transaction], None] = lambda _: None,
    ) -> RotationProgress:
        await begin_rotation(self.database, self.ring, account_id, before, own_key, actor=actor, also=gate)
        return await self.status(account_id)

    async def status(self, account_id: str) -> RotationProgress:
        """Return the progress of the account's rotations."""
        return await self.database.read(lambda tx: progress_of(tx, account_id))

    async def current_key(self, account_id: str) -> AccountKey:
        """Return the current version. Raises Tampered, Unavailable."""
        return await _current(self.database, self.ring, account_id)

    async def statement(self, account_id: str, version: int) -> bytes:
        """Return the signed statement about a destroyed version. Raises NotFound, Unavailable."""
        for rotation in await self.database.read(lambda tx: tx.rotations.of_account(account_id)):
            if rotation.version == version and rotation.statement is not None:
                # It states the log's size, so that much of the log must be anchored before it is shown.
                statement = open_statement(rotation.statement, [self.signer.verifier])
                await self.anchor.covering(statement.size)
                return rotation.statement
        raise NotFound("This version of the account's key was not destroyed.")


async def _current(database: Database, ring: KeyRing, account_id: str) -> AccountKey:
    # From the database, not the ring's cache: another node may have begun a rotation.
    version = await database.read(lambda tx: tx.accounts.current_key_version(account_id))
    return await ring.version(account_id, version)


def progress_of(tx: Transaction, account_id: str) -> RotationProgress:
    """Return the progress of the account's rotations in this transaction."""
    rotations = tx.rotations.of_account(account_id)
    outgoing = [rotation.version for rotation in rotations if rotation.destroyed_at is None]
    return RotationProgress(
        current=tx.accounts.current_key_version(account_id),
        rotations=rotations,
        remaining=tx.rotations.remaining(account_id, outgoing[0]) if outgoing else {},
    )
