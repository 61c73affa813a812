"""Write closed requests to the object store, one object each, and read them for a restore.

An account's object has the requests that are in no object of their own, so it stays small however many were closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.request_rows import (
    RequestEnvelope,
    StoredRequest,
    decode_request,
    decode_request_envelope,
    encode_request,
    encode_request_envelope,
    location_of,
    parse_location,
    prefix_of,
)
from vault.errors import NotFound, Tampered
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore, StoredObject
from vault.sealing.message import open_message, seal
from vault.services.shared.gather_all import gathered

#: Objects written or read side by side.
_BATCH_SIZE: Final = 32
#: Maximum bytes of an object: of the largest decision, with its receipt, both sealed twice.
_MAX_BYTES: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestObjects:
    """The objects of closed requests."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def write(self, account_id: str) -> None:
        """Write every closed request of the account that is in no object of its own. Raises NotFound, Unavailable."""

        def read(tx: Transaction) -> tuple[Sequence[StoredRequest], int]:
            due = tx.account_objects.requests_to_store(account_id, limit=_BATCH_SIZE)
            return due, tx.accounts.current_key_version(account_id)

        while True:
            due, version = await self.database.read(read)
            if not due:
                return
            key = await self.ring.version(account_id, version)
            await gathered([self._write(key, stored) for stored in due])

    async def _write(self, key: AccountKey, stored: StoredRequest) -> None:
        account_id, request_id = stored.request.account_id, stored.request.id
        envelope = RequestEnvelope(
            account_id=account_id,
            request_id=request_id,
            key_version=key.version,
            sealed=seal(key.key, bound.of_request_object(account_id, request_id), encode_request(stored)),
        )
        # An older version has content that is forgotten, or under a key that was destroyed.
        await self.objects.replace(location_of(account_id, request_id), encode_request_envelope(envelope))
        # What it holds is under several versions while the key is rotated: the oldest one decides.
        oldest = min({key.version, *stored.key_versions})
        await self.database.write(lambda tx: tx.account_objects.request_stored(stored, under=oldest))

    async def restore(self, account_id: str) -> Sequence[str]:
        """Insert closed requests that the database lacks; return findings about those that cannot be used.

        The account and its keys are restored already. Raises Unavailable.
        """
        findings, batch = list[str](), list[StoredObject]()
        known = await self.database.read(lambda tx: tx.restore.complete_requests(account_id))
        async for stored in self.objects.list(prefix_of(account_id)):
            place = parse_location(stored.key)
            if place is not None and place[1] not in known:
                batch.append(stored)
            if len(batch) == _BATCH_SIZE:
                findings += await self._restore(account_id, batch)
                batch = []
        return findings + await self._restore(account_id, batch)

    async def _restore(self, account_id: str, batch: Sequence[StoredObject]) -> list[str]:
        found = await gathered([self._read(stored) for stored in batch])
        usable = [one for one in found if not isinstance(one, str)]
        under = {stored.request.id: version for stored, version in usable}
        await self.database.write(
            lambda tx: tx.restore.requests(account_id, [stored for stored, _ in usable], under)
        )
        return [one for one in found if isinstance(one, str)]

    async def _read(self, stored: StoredObject) -> tuple[StoredRequest, int] | str:
        """Return a request and the oldest key version in its object, or a finding."""
        try:
            return await self._open(stored.key, stored.size)
        except (NotFound, Tampered) as error:
            return f"{stored.key}: {error}"

    async def _open(self, key: str, size: int) -> tuple[StoredRequest, int]:
        # Not ``get``: a decision on thousands of recordings has some megabytes.
        if size > _MAX_BYTES:
            raise Tampered("It is too large for the object of a request.")
        envelope = decode_request_envelope(await self.objects.read(key, 0, size))
        if location_of(envelope.account_id, envelope.request_id) != key:
            raise Tampered("Its content does not match its key.")
        account_key = await self.ring.version(envelope.account_id, envelope.key_version)
        context = bound.of_request_object(envelope.account_id, envelope.request_id)
        stored = decode_request(open_message(account_key.key, envelope.sealed, context=context), envelope)
        return stored, min({envelope.key_version, *stored.key_versions})
