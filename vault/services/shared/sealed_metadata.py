"""Seal and open metadata of calls and recordings under a detail key of the account, and hash it for its search."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.calls.metadata import Metadata, MetadataRow
from vault.domain.stored.sealed_records import decode_metadata, encode_metadata
from vault.errors import NotFound, Tampered
from vault.services.shared.account_data_keys import AccountDataKeys, read_words, sealed_under
from vault.services.shared.paced import paced

#: Metadata with the terms that find it.
FoundMetadata = tuple[MetadataRow, Sequence[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataSubject:
    """What metadata is of: a call or, with ``recording_id``, one of its recordings."""

    account_id: str
    call_ref: str
    recording_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedMetadata:
    """Read and make rows of metadata."""

    data_keys: AccountDataKeys

    async def seal(self, subject: MetadataSubject, metadata: Metadata, *, at: datetime) -> MetadataRow:
        """Return the row of metadata. Raises NotFound, Unavailable."""
        of = {"call_ref": subject.call_ref, "recording_id": subject.recording_id}
        words = encode_metadata(metadata, **of).decode()
        sealed = await self.data_keys.seal_words(subject.account_id, "metadata", words)
        return MetadataRow(account_id=subject.account_id, sealed=sealed or "", changed_at=at, **of)

    @staticmethod
    def key_of(row: MetadataRow) -> int:
        """Return the number of the detail key that seals it."""
        return sealed_under(read_words(row.sealed))

    async def open(self, row: MetadataRow) -> dict[str, str]:
        """Open metadata. Raises NotFound if the key is destroyed, Tampered, Unavailable."""
        words = await self.data_keys.open_words(row.account_id, "metadata", row.sealed)
        if words == row.sealed:
            raise Tampered("A record of metadata is not sealed.")
        return decode_metadata((words or "").encode(), call_ref=row.call_ref, recording_id=row.recording_id)

    async def open_all(self, rows: Iterable[MetadataRow]) -> Mapping[tuple[str, str], Metadata]:
        """Open metadata of an account, by call and recording. Raises as ``open``."""
        return {(row.call_ref, row.recording_id): await self.open(row) async for row in paced([*rows])}

    async def with_terms(self, rows: Iterable[MetadataRow]) -> tuple[list[FoundMetadata], list[str]]:
        """Return the rows that can be opened, with their terms; and why others cannot. Raises Unavailable."""
        found, wrong = list[FoundMetadata](), list[str]()
        async for row in paced([*rows]):
            try:
                metadata = await self.open(row)
            except (Tampered, NotFound) as error:
                wrong.append(str(error))
                continue
            found.append((row, await self.terms(row.account_id, metadata.items())))
        return found, wrong

    async def terms(self, account_id: str, pairs: Iterable[tuple[str, str]]) -> tuple[bytes, ...]:
        """Return the keyed hash of each key with its exact value. Raises NotFound, Unavailable.

        Unlike those of numbers and names, these differ by capitals.
        """
        index_key = await self.data_keys.index_key(account_id)
        return tuple(
            hmac.digest(index_key, f"metadata\0{key}\0{value}".encode(), hashlib.sha256)
            for key, value in pairs
        )
