"""An auditor with a whole export: checks it by SHA-256, Ed25519 and the two RFCs, and by nothing of the vault's."""

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"


@dataclass(frozen=True)
class WholeLog:
    """What an export says, once it was found right."""

    #: The hash of every leaf, in order.
    hashes: list[bytes]
    #: The leaves that stand in it in full, by index, as JSON.
    events: dict[int, dict]
    size: int
    root: bytes

    def continues(self, note, key):
        """Check that an earlier checkpoint, signed by the same key, is a beginning of this log."""
        size, root = open_note(note, key)
        assert size <= self.size, f"the log was cut from {size} to {self.size}"
        assert root_of(self.hashes[:size]) == root, f"the first {size} entries are not what they were"

    def of_session(self, session_id):
        """Return the events of a session, in the order of the log."""
        return [event for _, event in sorted(self.events.items()) if event.get("session") == session_id]


def read_export(export, key=None):
    """Check an export against the key that is known, or the one that it names, and return what it says."""
    version, named, checkpoint, *lines = export.decode().splitlines()
    assert version == "callvault-log/v1"
    known = key or named.removeprefix("key ")
    size, root = open_note(base64.b64decode(checkpoint.removeprefix("checkpoint ")), known)
    hashes, events = [], {}
    for line in lines:
        kind, *parts = line.split(" ")
        if kind == "node":
            continue
        assert int(parts[0]) == len(hashes), f"entry {len(hashes)} is not in its place"
        hashed = base64.b64decode(parts[1])
        if kind == "leaf":
            leaf = base64.b64decode(parts[2])
            assert hashlib.sha256(b"\x00" + leaf).digest() == hashed, f"entry {parts[0]} was changed"
            events[len(hashes)] = json.loads(leaf)
        hashes.append(hashed)
    assert len(hashes) == size, f"the checkpoint covers {size} entries, and {len(hashes)} are here"
    assert root_of(hashes) == root, "the entries do not lead to the signed root"
    return WholeLog(hashes, events, size, root)


def read_account_export(export, key):
    """Check an account's export (version 2) against a known key; return its events by index.

    Each line is a subtree of a known place, so the tree is built by joining neighbours.
    """
    version, _, checkpoint, *lines = export.decode().splitlines()
    assert version == "callvault-log/v2"
    size, root = open_note(base64.b64decode(checkpoint.removeprefix("checkpoint ")), key)
    events, parts, end = {}, [], 0
    for line in lines:
        kind, *rest = line.split(" ")
        if kind == "leaf":
            leaf = base64.b64decode(rest[2])
            level, index, hashed = 0, int(rest[0]), hashlib.sha256(b"\x00" + leaf).digest()
            events[index] = json.loads(leaf)
        else:
            level, index, hashed = int(rest[0]), int(rest[1]), base64.b64decode(rest[2])
        assert index << level == end, f"entry {end} is not in its place"
        end = (index + 1) << level
        parts.append((1 << level, hashed))
        while len(parts) > 1 and parts[-1][0] == parts[-2][0] and end % (2 * parts[-1][0]) == 0:
            right, left = parts.pop(), parts.pop()
            parts.append((2 * left[0], hashlib.sha256(b"\x01" + left[1] + right[1]).digest()))
    assert end == size, f"the checkpoint covers {size} entries, and {end} are here"
    reached = parts.pop()[1] if parts else hashlib.sha256(b"").digest()
    while parts:
        reached = hashlib.sha256(b"\x01" + parts.pop()[1] + reached).digest()
    assert reached == root, "the entries do not lead to the signed root"
    return events


def open_note(note, key):
    """Verify a signed note (c2sp.org/signed-note) by a verifier key; return the size and root that it names."""
    text, _, signatures = note.decode().partition("\n\n")
    name, key_id, encoded = key.strip().split("+", 2)
    public = base64.b64decode(encoded)
    assert public[:1] == _ED25519
    assert hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex() == key_id
    (mine,) = [line for line in signatures.splitlines() if line.startswith(f"\N{EM DASH} {name} ")]
    signature = base64.b64decode(mine.split(" ")[2])
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    assert origin == name
    return int(size), base64.b64decode(root)


def root_of(hashes):
    """Return MTH of RFC 6962, section 2.1, from the hashes of the leaves."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()
