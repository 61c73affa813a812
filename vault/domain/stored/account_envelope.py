"""The plaintext part of an account's object.

Version 1 is one JSON object with the wrapped versions of the account key, which the root key decrypts, and a sealed
text, which the newest version decrypts (``account_object.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vault.domain.stored.account_object_name import ROOT_BYTES, LogState, ObjectName, name_at
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The plaintext part of an account's object."""

    account_id: str
    revision: int
    #: That in the object's name; None in objects of earlier releases.
    log: LogState | None = None
    keys: Mapping[int, bytes]
    sealed: bytes

    @property
    def name(self) -> ObjectName:
        """The object's name."""
        if self.log is None:
            return ObjectName(account_id=self.account_id, revision=self.revision)
        return name_at(self.account_id, self.revision, self.log)


def encode_envelope(envelope: Envelope) -> bytes:
    """Encode the object."""
    log, keys = envelope.log, encode_key_versions(envelope.keys)
    fields = {
        "account_id": envelope.account_id,
        "revision": envelope.revision,
        "keys": keys,
        "sealed": envelope.sealed,
    }
    return write_object(fields if log is None else fields | {"log": encode_fields(log)})


def decode_envelope(data: bytes) -> Envelope:
    """Decode the object. Raises Tampered."""
    fields = read_object(data, "An account's object")
    log = fields.inner("log") if fields.has("log") else None
    envelope = Envelope(
        account_id=fields.text("account_id"),
        revision=fields.integer("revision"),
        log=None if log is None else _decode_log_fields(log),
        keys=decode_key_versions(fields.inner("keys")),
        sealed=fields.blob("sealed"),
    )
    fields.done()
    return envelope


def _decode_log_fields(fields: Fields) -> LogState:
    state = decode_fields(LogState, fields)
    if len(state.root) != ROOT_BYTES:
        raise Tampered("An account's object has a log root that is not 32 bytes long.")
    return state


def encode_key_versions(keys: Mapping[int, bytes]) -> dict[str, bytes]:
    """Return wrapped versions of a key as a JSON object."""
    return {str(version): wrapped for version, wrapped in keys.items()}


def decode_key_versions(fields: Fields) -> dict[int, bytes]:
    """Decode wrapped versions of a key. Raises Tampered."""
    names = fields.rest()
    inner = Fields(names, "An account's object, keys,")
    keys = {}
    for name in names:
        if not name.isascii() or not name.isdigit() or name.startswith("0") or len(name) > 9:  # noqa: PLR2004 - fits the column
            raise Tampered("The version of an account key is not a number.")
        keys[int(name)] = inner.blob(name)
    return keys
