"""Re-encrypt all rows of an old version of an account's key, online, then destroy the version.

Progress is in the rows themselves: each has its key version. So a crash loses only the uncommitted batch, and
any node can continue. Rows are replaced by compare-and-swap: those changed or shredded meanwhile are skipped.
Audio is not touched. Month keys are wrapped again, so recordings under them are not touched either; a recording of an
earlier release, whose key the account key wraps itself, comes under the key of the month of its arrival. The update
that replaces its wrapped key, ``tx.rotations.replace``, also sets the row's ``manifest_due``, and the job in
vault/services/backup/write_due_manifests.py writes each manifest that is due.

A version is destroyed in a transaction under the account's exclusive lock, which counts that nothing uses it any
more: no row, no manifest, and no copy in the account's object. GRACE passes between the last row and that
transaction, so that a request that read a row before can still use the version its copy names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.key_rotation.sealed_columns import SEALED_KINDS, SealedKind, SealedRow
from vault.database.transaction import Transaction
from vault.domain.accounts.account_keys import KeyRotation, month_of
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.encryption_context import Context
from vault.errors import OwnKeyUnusable, Tampered
from vault.ports.keys import AccountKey, KeyRing, SealingKey
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal
from vault.sealing.wrapping import unwrap, wrap
from vault.services.shared.job import DueJob
from vault.structured_log import Log
from vault.thread_pools import Threads
from vault.tlog.key_statement import KeyStatement, sign_statement
from vault.tlog.note import Signer

_LOG = Log(__name__)
#: Rows per transaction; small, so that other transactions do not wait for it.
BATCH_SIZE: Final = 256
#: Prompts are large, up to half a mebibyte each.
_PROMPT_BATCH_SIZE: Final = 8
#: Maximum backlog of manifests; above it keys are not rewrapped, so that manifests of new recordings are not delayed.
MAX_MANIFESTS_DUE: Final = 2048
#: Maximum time of a request between reading a row and unwrapping its key.
GRACE: Final = timedelta(seconds=10)
_ROTATIONS: Final = 100
#: Interval of polls while a rotation is unfinished.
_POLL_INTERVAL: Final = timedelta(seconds=1)
#: Batches per rotation and step, before the next rotation.
_BATCHES: Final = 16
#: Maximum rows per kind that are skipped because they do not decrypt.
_MAX_DAMAGED: Final = 100
_FINAL_EVENTS: Final[tuple[EventType, ...]] = ("key.rewrapped", "key.destroyed")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrap:
    """Run one step of every unfinished rotation."""

    database: Database
    ring: KeyRing
    signer: Signer
    #: The encryption threads: a batch takes milliseconds, too long for the event loop.
    threads: Threads
    grace: timedelta = GRACE

    def jobs(self) -> Sequence[DueJob]:
        """Return the work on rotations."""
        return [DueJob(work=Work.REWRAP, any_due=self.any_due, step=self, needs_objects=False)]

    async def any_due(self) -> bool:
        """Return whether a rotation is unfinished. While one is, it is polled every second: its rest may only wait."""

        def read(tx: Transaction) -> bool:
            unfinished = bool(tx.rotations.unfinished(1))
            if unfinished:
                tx.wake(Work.REWRAP, after=_POLL_INTERVAL)
            return unfinished

        return await self.database.read(read)

    async def __call__(self, account_id: str | None = None) -> bool:
        """Re-encrypt some batches of each old version's rows, or destroy the version; False if it can only wait.

        Raises Tampered if the only rows left are some that do not decrypt under the version they name (these are
        kept); Unavailable.
        """
        found = await self.database.read(
            lambda tx: tx.rotations.unfinished(_ROTATIONS, account_id=account_id)
        )
        # For a single account, an unusable key is reported; in a round over all accounts, it is skipped.
        step = self._try if account_id is None else self._work_on
        progress = [await step(rotation) for rotation in found]
        return any(progress)

    async def _try(self, rotation: KeyRotation) -> bool:
        """Work on one rotation; skip it if the account's customer-managed key cannot be used."""
        try:
            return await self._work_on(rotation)
        except OwnKeyUnusable:
            return False

    async def _work_on(self, rotation: KeyRotation) -> bool:
        worked, damaged, batches = False, 0, 0
        for kind in SEALED_KINDS:
            skipped: list[str] = []
            while rows := await self._rows(rotation, kind, skipped):
                skipped += await self._replace(rotation, kind, rows)
                worked, batches = True, batches + 1
                if batches == _BATCHES and not skipped:
                    return True
                if len(skipped) > _MAX_DAMAGED:
                    break
            damaged += len(skipped)
        if damaged:
            raise Tampered(f"{damaged} rows do not decrypt under the key version that they name.")
        return worked or await self._finish(rotation)

    async def _rows(
        self, rotation: KeyRotation, kind: SealedKind, skipped: Sequence[str]
    ) -> Sequence[SealedRow]:
        """Return rows to re-encrypt; no recording keys while the backlog of manifests is at its maximum."""

        def read(tx: Transaction) -> Sequence[SealedRow]:
            if (
                kind == "recording_key"
                and tx.rotations.manifests_behind(MAX_MANIFESTS_DUE) == MAX_MANIFESTS_DUE
            ):
                return ()
            limit = _PROMPT_BATCH_SIZE if kind == "prompt" else BATCH_SIZE
            return tx.rotations.under(kind, rotation.account_id, rotation.version, but=skipped, limit=limit)

        return await self.database.read(read)

    async def _replace(
        self, rotation: KeyRotation, kind: SealedKind, rows: Sequence[SealedRow]
    ) -> Sequence[str]:
        """Re-encrypt and replace rows; return the names of those that do not decrypt."""
        old = await self.ring.version(rotation.account_id, rotation.version)
        by_month: dict[str | None, list[SealedRow]] = {}
        for row in rows:
            by_month.setdefault(None if row.at is None else month_of(row.at), []).append(row)
        damaged: list[str] = []
        for group in by_month.values():
            damaged += await self._replace_group(rotation, kind, group, old)
        return damaged

    async def _replace_group(
        self, rotation: KeyRotation, kind: SealedKind, rows: Sequence[SealedRow], old: AccountKey
    ) -> Sequence[str]:
        """Re-encrypt and replace rows of one month, or of a kind that no month key seals."""
        account_id, new = rotation.account_id, await self._new_key(rotation, rows[0].at)
        sealed, damaged = await self.threads.run(
            lambda: reseal(kind, account_id, rows, old=old.key, new=new.key)
        )

        def replace(tx: Transaction) -> int:
            tx.lock_account(account_id)
            return tx.rotations.replace(kind, rotation, sealed, version=new.version, month_key=new.month_key)

        if sealed:
            await self.database.write(replace)
        return damaged

    async def _new_key(self, rotation: KeyRotation, at: datetime | None) -> SealingKey:
        # Not this node's cached current version. Only one rotation runs at a time, so the next version is current.
        version = rotation.version + 1
        if at is None:
            return await self.ring.version(rotation.account_id, version)
        return await self.ring.month_key_of(rotation.account_id, version, at)

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
            # After Unavailable, the transaction may be committed nevertheless.
            self.ring.forget(rotation.account_id)
        # Remove replaced and deleted rows from the database's own log; if it cannot now, the sweep does it later.
        await self.database.scrub(moved=True)
        _LOG.info("key.destroyed", account_id=rotation.account_id)
        return True

    def _is_over(self, tx: Transaction, rotation: KeyRotation) -> bool:
        settled = rotation.settled_at
        return settled is not None and tx.now() >= settled + self.grace and _is_gone(tx, rotation)

    def _destroy(self, tx: Transaction, rotation: KeyRotation) -> bool:
        """Count a last time, sign the statement and destroy the version. False if something still uses it."""
        account_id, version = rotation.account_id, rotation.version
        tx.lock_account(account_id, exclusive=True)
        unfinished = [other.version for other in tx.rotations.unfinished(1, account_id=account_id)]
        if unfinished != [version] or not _is_gone(tx, rotation):
            return False
        now = tx.now()
        statement = KeyStatement(
            origin=self.signer.name,
            owner=account_id,
            version=version,
            recordings=tx.rotations.recordings_under(account_id, version),
            at=now,
            size=tx.tree.head().size,
        )
        # First destroy, then log: the closing act of key.destroyed is settled once the account's object no longer
        # has this version.
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


def reseal(
    kind: SealedKind, account_id: str, rows: Sequence[SealedRow], *, old: NamedKey, new: NamedKey
) -> tuple[list[tuple[SealedRow, bytes]], list[str]]:
    """Return each row with its new ciphertext, and the names of the rows that do not decrypt.

    The encryption contexts do not change, so rows cannot be swapped on the way.
    """
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
