"""Progress of the slow scan, which compares every object with its row, over weeks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object

#: The vault fact that has the progress.
SCAN: Final = "object-scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScan:
    """One pass over the object store."""

    #: None for a pass that must begin immediately: the object store lost data, and may have old objects again.
    began: datetime | None
    #: The last key compared.
    after: str = ""
    done: bool = False


def encode_scan(scan: ObjectScan) -> bytes:
    """Encode it for the database."""
    return write_object(encode_fields(scan))


def decode_scan(data: bytes) -> ObjectScan:
    """Decode it. Raises Tampered."""
    return decode_fields(ObjectScan, read_object(data, "The progress of a scan"))
