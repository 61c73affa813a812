"""The sealed details of a recording: its hash, the call facts of its own source, and its first evidence."""

from dataclasses import dataclass
from typing import Final

from vault.domain.calls.call import CallFacts
from vault.domain.stored.deflated import MAX_DEFLATED, deflate, inflate
from vault.domain.stored.evidence import SALT_BYTES
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.domain.stored.sealed_records import decode_facts_fields, encode_facts_fields
from vault.errors import Tampered

#: The first byte of details that are deflated; JSON begins with another one.
_DEFLATED: Final = b"\x02"
_WHAT: Final = "A recording's sealed details"


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The sealed details of a recording."""

    #: SHA-256 of the plaintext audio, for audits.
    sha256: bytes
    #: The call facts from the recording's own source.
    facts: CallFacts
    #: The canonical bytes of the evidence.
    evidence: bytes


def encode_details(details: Details) -> bytes:
    """Encode details: one byte, the salt of the evidence, and deflated a line of JSON and the JSON of the evidence.

    Where that is longer than MAX_DEFLATED they are one JSON object, which is what earlier releases wrote.
    """
    head = {"sha256": details.sha256.hex(), "facts": encode_facts_fields(details.facts)}
    salt, evidence = details.evidence[:SALT_BYTES], details.evidence[SALT_BYTES:]
    text = write_object(head, version=2, sort_keys=False) + b"\n" + evidence
    if len(text) > MAX_DEFLATED:
        return write_object({**head, "evidence": details.evidence}, sort_keys=False)
    return _DEFLATED + salt + deflate(text)


def decode_details(data: bytes) -> Details:
    """Decode details of either form. Raises Tampered."""
    if not data.startswith(_DEFLATED):
        fields = read_object(data, _WHAT)
        return _details(fields, fields.blob("evidence"))
    start = len(_DEFLATED) + SALT_BYTES
    head, _, evidence = inflate(data[start:]).partition(b"\n")
    return _details(read_object(head, _WHAT, versions=(2,)), data[len(_DEFLATED) : start] + evidence)


def _details(fields: Fields, evidence: bytes) -> Details:
    try:
        sha256 = bytes.fromhex(fields.text("sha256"))
    except ValueError:
        raise Tampered(f"{_WHAT} have a sha256 that is not hexadecimal.") from None
    details = Details(sha256=sha256, facts=decode_facts_fields(fields.inner("facts")), evidence=evidence)
    fields.done()
    return details
