"""Emptying an old version of an account's key, online, and destroying it.

Progress is in the rows themselves: each says which version it lies under. So a crash costs nothing but the
batch that was not committed, and whoever goes on begins where the rows say. Every row is compared with what
was read before it is replaced: what was changed or shredded meanwhile stays as it is. No audio is touched.

A version is destroyed in the transaction that counts, under the account's exclusive lock, that nothing lies
under it: no row, no manifest, and no copy in the account's object. Between the last row and that transaction
lies GRACE, so that a request which had read a row before finds the version that its copy names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.errors import OwnKeyUnusable, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.rotation import SEALED_KINDS, KeyRotation, SealedKind, SealedRow
from vault.services.key_rotation.reencrypt import reseal
from vault.structured_log import Log
from vault.thread_pools import Threads
from vault.tlog.key_statement import KeyStatement, sign_statement
from vault.tlog.note import Signer

_LOG = Log(__name__)
#: Rows that one transaction replaces: few enough that nobody waits for it.
BATCH_SIZE: Final = 256
#: Prompts are large, up to half a mebibyte each.
_PROMPT_BATCH_SIZE: Final = 8
#: Manifests that may wait: beyond them keys are not wrapped anew, so that new recordings' get their turn.
MAX_MANIFESTS_DUE: Final = 2048
#: How long a request may take from reading a row to unwrapping its key.
GRACE: Final = timedelta(seconds=10)
_ROTATIONS: Final = 100
#: Batches of one version before it is the turn of the next.
_BATCHES: Final = 16
#: Rows of one kind that are passed over because they do not open.
_MAX_DAMAGED: Final = 100
_FINAL_EVENTS: Final[tuple[EventType, ...]] = ("key.rewrapped", "key.destroyed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrap:
    """Do a piece of the work on versions that are on their way out."""

    database: Database
    ring: KeyRing
    signer: Signer
    #: Those that seal: a batch takes milliseconds, which the loop of the server does not have.
    threads: Threads
    grace: timedelta = GRACE

    async def any_due(self) -> bool:
        """Say whether a version is on its way out."""
        return bool(await self.database.read(lambda tx: tx.rotations.unfinished(1)))

    async def __call__(self, account_id: str | None = None) -> bool:
        """Replace some batches of each version's rows, or destroy it; False if all that is left is to wait.

        Raises Tampered once all is done but what does not open under the version it names, which stays;
        Unavailable.
        """
        found = await self.database.read(
            lambda tx: tx.rotations.unfinished(_ROTATIONS, account_id=account_id)
        )
        # Who asks for one account hears why nothing happens; the others of a whole round do not wait for it.
        work = self._try if account_id is None else self._work_on
        done = [await work(rotation) for rotation in found]
        return any(done)

    async def _try(self, rotation: KeyRotation) -> bool:
        """Work on one, and pass it over where its account's own key cannot be used: the others go on."""
        try:
            return await self._work_on(rotation)
        except OwnKeyUnusable:
            return False

    async def _work_on(self, rotation: KeyRotation) -> bool:
        worked, damaged, batches = False, 0, 0
        for kind in SEALED_KINDS:
            passed_over: list[str] = []
            while rows := await self._rows(rotation, kind, passed_over):
                passed_over += await self._replace(rotation, kind, rows)
                worked, batches = True, batches + 1
                if batches == _BATCHES and not passed_over:
                    return True
                if len(passed_over) > _MAX_DAMAGED:
                    break
            damaged += len(passed_over)
        if damaged:
            raise Tampered(f"{damaged} rows do not open under the version of the key that they name.")
        return worked or await self._finish(rotation)

    async def _rows(
        self, rotation: KeyRotation, kind: SealedKind, passed_over: Sequence[str]
    ) -> Sequence[SealedRow]:
        """Return rows to be replaced; none where so many manifests wait that their keys must, too."""

        def read(tx: Transaction) -> Sequence[SealedRow]:
            if (
                kind == "recording_key"
                and tx.rotations.manifests_behind(MAX_MANIFESTS_DUE) == MAX_MANIFESTS_DUE
            ):
                return ()
            limit = _PROMPT_BATCH_SIZE if kind == "prompt" else BATCH_SIZE
            return tx.rotations.under(
                kind, rotation.account_id, rotation.version, but=passed_over, limit=limit
            )

        return await self.database.read(read)

    async def _replace(
        self, rotation: KeyRotation, kind: SealedKind, rows: Sequence[SealedRow]
    ) -> Sequence[str]:
        """Seal rows anew and put them in their places; return the names of those that do not open."""
        account_id = rotation.account_id
        old = await self.ring.version(account_id, rotation.version)
        # Not the current one as this node remembers it: only one version at a time is on its way out.
        new = await self.ring.version(account_id, rotation.version + 1)
        sealed, damaged = await self.threads.run(
            lambda: reseal(kind, account_id, rows, old=old.key, new=new.key)
        )

        def replace(tx: Transaction) -> int:
            tx.lock_account(account_id)
            return tx.rotations.replace(kind, rotation, sealed, version=new.version)

        if sealed:
            await self.database.write(replace)
        return damaged

    async def _finish(self, rotation: KeyRotation) -> bool:
        if rotation.settled_at is None:
            if await self.database.read(lambda tx: _is_empty(tx, rotation)):
                await self.database.write(lambda tx: tx.rotations.settle(rotation, tx.now()))
            return False
        if not await self.database.read(lambda tx: self._is_over(tx, rotation)):
            return False
        try:
            if not await self.database.write(lambda tx: self._destroy(tx, rotation)):
                return False
        finally:
            # What raises Unavailable may be done nevertheless.
            self.ring.forget(rotation.account_id)
        # What was replaced and deleted leaves the database's own log; the sweep does it where that must wait.
        await self.database.scrub()
        _LOG.info("key.destroyed", account_id=rotation.account_id)
        return True

    def _is_over(self, tx: Transaction, rotation: KeyRotation) -> bool:
        settled = rotation.settled_at
        return settled is not None and tx.now() >= settled + self.grace and _is_gone(tx, rotation)

    def _destroy(self, tx: Transaction, rotation: KeyRotation) -> bool:
        """Count for the last time, say so, and destroy. False if something is left after all."""
        account_id, version = rotation.account_id, rotation.version
        tx.lock_account(account_id, exclusive=True)
        still = [one.version for one in tx.rotations.unfinished(1, account_id=account_id)]
        if still != [version] or not _is_gone(tx, rotation):
            return False
        now = tx.now()
        statement = KeyStatement(
            origin=self.signer.name,
            owner=account_id,
            version=version,
            recordings=tx.rotations.remaining(account_id, version)["recording_key"],
            at=now,
            size=tx.tree.head().size,
        )
        # Before its events: the act of the second waits for the account's object without this version.
        tx.rotations.destroy(rotation, at=now, statement=sign_statement(statement, self.signer))
        for kind in _FINAL_EVENTS:
            tx.events.append(
                AccessEvent(
                    type=kind,
                    at=now,
                    account_id=account_id,
                    actor=rotation.begun_by,
                    result=f"v{version}",
                )
            )
        return True


def _is_empty(tx: Transaction, rotation: KeyRotation) -> bool:
    return not any(tx.rotations.remaining(rotation.account_id, rotation.version).values())


def _is_gone(tx: Transaction, rotation: KeyRotation) -> bool:
    return _is_empty(tx, rotation) and not tx.rotations.object_behind(rotation.account_id)
