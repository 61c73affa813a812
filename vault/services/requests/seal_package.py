"""Seal a package, or a part of one, while it is made, under a key of its own: nothing of it is written in clear."""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.stores.requests.packages import Package
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.recordings.recording import SealedObject
from vault.domain.requests.package import LIFE, MAX_BYTES, PREFIX, is_wanting
from vault.domain.requests.request import Request
from vault.domain.stored import encryption_context as bound
from vault.errors import Busy
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.keys import KEY_BYTES, package_key
from vault.sealing.wrapping import wrap
from vault.services.ingest.seal_stream import seal_stream
from vault.services.requests.package_files import PackagePart
from vault.services.requests.sealed_requests import append_event, ruling_of, sealed_row
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.thread_pools import Threads

#: Recordings in one statement.
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SealPackage:
    """Seal packages into the object store."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    threads: Threads

    async def next_part(self, request: Request, *, is_last_try: bool) -> PackagePart | None:
        """Return the part of the request's package to be made next; None if all are made.

        Parts that the database lost before they expired are made again, of what is not erased by then.
        """
        parts, at, checked_at = await self.database.read(
            lambda tx: (tx.packages.parts(request.account_id, request.id), tx.now(), checked_now(tx))
        )
        packaged = ruling_of(request).packaged
        if not is_wanting(packaged, len(parts), checked_at):
            return None
        through = parts[-1].through if parts else None
        if parts and through is None:
            # An earlier release made it, as one part.
            return None
        return PackagePart(
            request=request,
            at=at,
            checked_at=checked_at,
            is_last_try=is_last_try,
            number=len(parts) + 1,
            through=through,
        )

    async def __call__(
        self, part: PackagePart, content: AsyncGenerator[bytes, None], changed_by: Callable[[], Request]
    ) -> Request:
        """Seal a part and write its row, with the request as it is changed by then; return that.

        All parts of a request expire together, LIFE after the newest one was made. Raises TooLarge, Unavailable, Busy
        if another node made this part or a recording of it was erased or got other audio meanwhile, and what
        ``content`` raises; then there is no such part of this node, and ``Packages.delete_expired`` deletes the object
        that may be left.
        """
        request, account_id = part.request, part.request.account_id
        key = package_key(part.id, secrets.token_bytes(KEY_BYTES))
        async with aclosing(content) as blocks:
            sealed = await seal_stream(
                blocks,
                key=key,
                context=bound.of_package(account_id, part.id),
                objects=self.objects,
                location=f"{PREFIX}{account_id}/{request.id}/{new_id('att')}",
                threads=self.threads,
                most=MAX_BYTES,
            )
        changed = changed_by()
        await retry_if_rotated(
            self.ring,
            account_id,
            lambda current: self._write(current, part, changed, key.secret, sealed.sealed),
        )
        return changed

    async def _write(
        self, current: AccountKey, part: PackagePart, changed: Request, secret: bytes, sealed: SealedObject
    ) -> None:
        request, account_id = part.request, part.request.account_id
        wrapped = wrap(current.key, secret, bound.of_package_key(account_id, part.id))
        row = None if changed == request else sealed_row(current, changed)

        def write(tx: Transaction) -> None:
            # Exclusive: an erasure has committed, or finds this part.
            tx.lock_account(account_id, exclusive=True)
            if len(tx.packages.parts(account_id, request.id)) != part.number - 1:
                raise Busy("Parts of this package were made or deleted meanwhile.", retry_after=1)
            if row is not None:
                tx.requests.change(row)
            expires_at = checked_now(tx) + LIFE
            tx.packages.add(
                Package(
                    request_id=part.id,
                    account_id=account_id,
                    wrapped_key=wrapped,
                    key_version=current.version,
                    location=sealed.location,
                    header=sealed.header,
                    size=sealed.size,
                    made_at=part.at,
                    expires_at=expires_at,
                    part_of=request.id,
                    part=part.number,
                    through_at=part.through[0] if part.through else None,
                    through_id=part.through[1] if part.through else None,
                ),
                part.given,
            )
            if tx.packages.has_gone(part.id):
                raise Busy("A recording of this part was erased meanwhile.", retry_after=1)
            _require_same_audio(tx, part)
            tx.packages.expire_together(account_id, request.id, expires_at)
            append_event(tx, request, "export.made", actor="worker", at=part.at)

        await self.database.write(write)


def _require_same_audio(tx: Transaction, part: PackagePart) -> None:
    """Raise Busy if the audio of a recording in a part was replaced since it was read: spans of it were removed."""
    for batch in batches(list(part.sources), _BATCH):
        named = tx.object_checks.named(batch)
        if any(one in named and part.sources[one] not in named[one].locations for one in batch):
            raise Busy("The audio of a recording of this part was replaced meanwhile.", retry_after=1)
