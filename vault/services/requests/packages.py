"""Download the packages of requests, a few times each, and delete them when they expire.

They expire by the checked clock, so a database clock that jumps ahead ends none early.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.requests.packages import Package
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import SealedObject
from vault.domain.requests.package import MAX_DOWNLOADS, PREFIX, part_id
from vault.domain.stored import encryption_context as bound
from vault.errors import NotFound, ObjectLocked, Refused
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.keys import package_key
from vault.sealing.opener import Opener
from vault.sealing.wrapping import unwrap
from vault.services.lifecycle.delete_packages import delete_package_row
from vault.services.shared.clock_skew import checked_now, earlier
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.services.shared.sealed_audio import SealedAudio

_BATCH_SIZE = 100
_NONE = "This request has no such package: it is not made yet, was erased, or has expired."
#: Min age of an object without a row that is deleted: a package has none while it is written.
GRACE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """Download and delete packages. Each download is on record before its first byte."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    clock: Clock
    grace: timedelta = GRACE

    def jobs(self) -> Sequence[Job]:
        """Return the end of expired packages."""
        return [
            IntervalJob(name="expire_packages", run=self.delete_expired, every=HOURLY, needs_objects=False)
        ]

    async def parts(self, account_id: str, request_id: str) -> Sequence[Package]:
        """Return the parts of a package that can be downloaded, in their order. Raises NotFound without any."""

        def read(tx: Transaction) -> Sequence[Package]:
            found, now = tx.packages.parts(account_id, request_id), checked_now(tx)
            return [one for one in found if one.expires_at > now]

        parts = await self.database.read(read)
        if not parts:
            raise NotFound(_NONE)
        return parts

    async def download(
        self, account_id: str, request_id: str, *, part: int = 1, actor: str
    ) -> tuple[int, AsyncIterator[bytes]]:
        """Return the size of a part of the package and its bytes.

        It counts, and is on record, once its first bytes are read: what is unavailable uses up none of the downloads.
        Raises NotFound if there is none or it has expired, Refused ``downloaded`` after MAX_DOWNLOADS, Unavailable.
        """
        name = part_id(request_id, part)
        package = await self.database.read(lambda tx: _current(tx, account_id, name))
        if package.downloads >= MAX_DOWNLOADS:
            raise _used_up()
        blocks = (await self._open(package)).blocks()
        first = await anext(blocks, b"")
        await self.database.write(lambda tx: _count(tx, package, actor=actor))
        return package.size, _from(first, blocks)

    async def _open(self, package: Package) -> SealedAudio:
        account_id, name = package.account_id, package.request_id
        key = await self.ring.version(account_id, package.key_version)
        secret = unwrap(key.key, package.wrapped_key, bound.of_package_key(account_id, name))
        opener = Opener(
            package_key(name, secret),
            package.header,
            plaintext_length=package.size,
            context=bound.of_package(account_id, name),
        )
        sealed = SealedObject(location=package.location, header=package.header, size=package.size)
        return SealedAudio(self.objects, opener, sealed)

    async def delete_expired(self) -> None:
        """Delete expired packages, and objects that a crash left without a row."""
        while expired := await self.database.read(
            lambda tx: tx.packages.expired(checked_now(tx), limit=_BATCH_SIZE)
        ):
            for package in expired:
                await delete_package(self.database, self.objects, package, actor="worker")
        # The earlier of two clocks: a node whose clock is ahead must not delete the new object of another node.
        before = await self.database.read(lambda tx: earlier(tx, self.clock())) - self.grace
        for stored in [one async for one in self.objects.list(PREFIX)]:
            named = await self.database.read(lambda tx, key=stored.key: tx.packages.names(key))  # type: ignore[misc]
            if not named and stored.modified < before:
                with suppress(ObjectLocked):
                    await self.objects.delete(stored.key)


def _current(tx: Transaction, account_id: str, name: str) -> Package:
    """Return a part of a package that can be downloaded. Raises NotFound."""
    package = tx.packages.get(account_id, name)
    if package is None or package.expires_at <= checked_now(tx):
        raise NotFound(_NONE)
    return package


def _count(tx: Transaction, package: Package, *, actor: str) -> None:
    """Count a download of a package that was read before, and append its event. Raises NotFound, Refused."""
    if _current(tx, package.account_id, package.request_id).location != package.location:
        # It was deleted meanwhile, and made again.
        raise NotFound(_NONE)
    if not tx.packages.count_download(package, most=MAX_DOWNLOADS):
        raise _used_up()
    tx.events.append(
        AccessEvent(
            type="export.read",
            at=tx.now(),
            account_id=package.account_id,
            actor=actor,
            result=package.request_id,
        )
    )


def _used_up() -> Refused:
    text = f"The package was downloaded {MAX_DOWNLOADS} times, the maximum: enter a new request."
    return Refused(text, reasons=("downloaded",))


async def _from(first: bytes, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a block that was read before, and those after it."""
    yield first
    async for block in blocks:
        yield block


async def delete_package(database: Database, objects: ObjectStore, package: Package, *, actor: str) -> None:
    """Delete a package: first its key, with an event, then its object.

    An object that the store keeps under a lock cannot be opened any more, and ``delete_expired`` deletes it after that.
    """
    await database.write(lambda tx: delete_package_row(tx, package, actor=actor))
    with suppress(ObjectLocked):
        await objects.delete(package.location)
