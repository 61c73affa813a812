"""Signed notes (c2sp.org/signed-note): a text, an empty line, and signature lines, Ed25519 only.

The text must not be used before a signature of a known key is verified, so only ``open_note`` returns it. Signatures
of unknown keys are ignored: witnesses and the next key may sign the same note. A key is identified by name and key
id together; one of the two is not enough. If the signature of a known key is invalid, the whole note is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vault.errors import Invalid, Tampered
from vault.tlog.encoding import is_name, is_plain, read_base64, read_text, write_base64

#: The signature type byte of Ed25519 in key ids and verifier keys.
ED25519 = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
#: Enough for sixteen post-quantum signatures of 5 kB, which a reader must allow.
MAX_NOTE_BYTES = 256 * 1024
MAX_SIGNATURES = 100
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """The public key of a signer of notes."""

    #: A URL without scheme; for a log key, the origin of its checkpoints.
    name: str
    #: The Ed25519 public key, 32 bytes (RFC 8032).
    public_key: bytes

    def __post_init__(self) -> None:
        """Check name and key."""
        if not is_name(self.name) or len(self.public_key) != KEY_BYTES:
            raise ValueError("A verifier must have a name without spaces or plus, and a key of 32 bytes.")

    @property
    def key_id(self) -> bytes:
        """Return SHA-256(name || 0x0A || 0x01 || public key)[:4]. It identifies keys and adds no security."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:KEY_ID_BYTES]

    def write(self) -> str:
        """Encode the verifier key: ``name+key id+base64(0x01 || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{write_base64(ED25519 + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Raise Tampered unless the signature over the text is valid for this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            raise Tampered("A signature of a known key is not valid for the note's text.") from None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Signer:
    """A private key that signs notes. Its repr does not contain it."""

    name: str
    #: The 32 bytes of the Ed25519 private key (RFC 8032).
    secret: bytes

    def __post_init__(self) -> None:
        """Check name and secret."""
        if not is_name(self.name) or len(self.secret) != KEY_BYTES:
            raise ValueError("A signer must have a name without spaces or plus, and a secret of 32 bytes.")

    def __repr__(self) -> str:
        """Return a placeholder without the secret."""
        return "Signer(...)"

    @property
    def verifier(self) -> Verifier:
        """Return the public key with the name."""
        key = Ed25519PrivateKey.from_private_bytes(self.secret).public_key()
        return Verifier(name=self.name, public_key=key.public_bytes_raw())

    def sign(self, text: str) -> "Signature":
        """Sign the text of a note. Ed25519 is deterministic: the same text has the same signature."""
        signed = Ed25519PrivateKey.from_private_bytes(self.secret).sign(text.encode())
        return Signature(name=self.name, key_id=self.verifier.key_id, signed=signed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line, not verified."""

    name: str
    key_id: bytes
    #: The signature of the key's algorithm; 64 bytes for Ed25519.
    signed: bytes

    def write(self) -> str:
        """Encode the line, with its line feed."""
        return f"{_DASH}{self.name} {write_base64(self.key_id + self.signed)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An opened note, whose text is verified with the keys in ``signed_by``."""

    #: Ends in a line feed; does not include the empty line before the signatures.
    text: str
    #: The known keys that signed it, without duplicates, in the order of their lines.
    signed_by: tuple[Verifier, ...]


def parse_verifier(text: str) -> Verifier:
    """Parse a verifier key; raise Invalid unless it is encoded as by ``write``, with the correct key id."""
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    try:
        key = read_base64(encoded, "verifier key")
        verifier = Verifier(name=name, public_key=key.removeprefix(ED25519))
    except (Tampered, ValueError):
        raise Invalid("verifier_key is not a verifier key.", field="verifier_key") from None
    if verifier.write() != text:
        raise Invalid("The key id in verifier_key does not match its name and key.", field="verifier_key")
    return verifier


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """Return the note with one signature line per signer, in their order. The text must end in a line feed."""
    if not is_plain(text) or not signers:
        raise ValueError("A note must have a text that ends in a line feed, and at least one signer.")
    return (text + "\n" + "".join(signer.sign(text).write() for signer in signers)).encode()


def open_note(data: bytes, verifiers: Sequence[Verifier], *, limit: int = MAX_NOTE_BYTES) -> Note:
    """Return the note if at least one known key signed it; raise Tampered otherwise, also above ``limit`` bytes."""
    text, signatures = _split(read_text(data, "note", limit=limit))
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(set(verifiers)):
        raise ValueError("Two known keys have the same name and key id.")
    signed_by = dict[Verifier, None]()
    for signature in signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier:
            verifier.verify(text, signature.signed)
            signed_by[verifier] = None
    if not signed_by:
        raise Tampered("The note has no signature of a known key.")
    return Note(text=text, signed_by=tuple(signed_by))


def _split(note: str) -> tuple[str, list[Signature]]:
    """Split a note at its last empty line into the text and the parsed signature lines."""
    before, gap, after = note.rpartition("\n\n")
    if not gap or not after:
        raise Tampered("The note has no empty line before its signatures.")
    lines = after.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Tampered(f"The note has more than {MAX_SIGNATURES} signatures.")
    return before + "\n", [_parse_line(line) for line in lines]


def _parse_line(line: str) -> Signature:
    """Parse one signature line strictly, also that of an unknown key."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise Tampered("A signature line of the note is malformed.")
    data = read_base64(encoded, "signature of the note")
    if len(data) <= KEY_ID_BYTES:
        raise Tampered("A signature of the note is too short.")
    return Signature(name=name, key_id=data[:KEY_ID_BYTES], signed=data[KEY_ID_BYTES:])
