"""Signed notes (c2sp.org/signed-note): a text, an empty line, and signature lines, Ed25519 only.

The text counts for nothing until a signature of a known key has been verified, so only
``open_note`` hands it out. Signatures of unknown keys are passed over: they are how witnesses and
the next key sign the same note. Name and key id name a key together; sharing one of the two makes
nobody known. A known key's signature that does not verify refuses the whole note.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vault.errors import Invalid, Tampered
from vault.tlog.spelling import is_name, is_plain, read_base64, read_text, write_base64

#: The byte of signature type "Ed25519" in key ids and verifier keys.
ED25519 = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
#: A note is at most this long: enough for sixteen post-quantum signatures of 5 kB, which a reader must allow.
MAX_NOTE_BYTES = 256 * 1024
MAX_SIGNATURES = 100
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """The public half of a key that signs notes."""

    #: A schema-less URL; for a log key, the origin of its checkpoints.
    name: str
    #: The Ed25519 public key, 32 bytes (RFC 8032).
    public_key: bytes

    def __post_init__(self) -> None:
        """Refuse a name or a key that no note could carry."""
        if not is_name(self.name) or len(self.public_key) != KEY_BYTES:
            raise ValueError("A verifier has a name without spaces or plus, and a key of 32 bytes.")

    @property
    def key_id(self) -> bytes:
        """Return SHA-256(name || 0x0A || 0x01 || public key)[:4]. It tells keys apart and secures nothing."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:KEY_ID_BYTES]

    def write(self) -> str:
        """Return the verifier key ``name+key id+base64(0x01 || public key)``, as people pass it on."""
        return f"{self.name}+{self.key_id.hex()}+{write_base64(ED25519 + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Raise Tampered unless this key made the signature over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            raise Tampered("A signature of a known key does not belong to the note's text.") from None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Signer:
    """A key that signs notes. It shows nothing of itself."""

    name: str
    #: The 32 bytes of the Ed25519 private key (RFC 8032).
    secret: bytes

    def __post_init__(self) -> None:
        """Refuse a name or a secret that no verifier could match."""
        if not is_name(self.name) or len(self.secret) != KEY_BYTES:
            raise ValueError("A signer has a name without spaces or plus, and a secret of 32 bytes.")

    def __repr__(self) -> str:
        """Show that it is a signer, and nothing of it."""
        return "Signer(...)"

    @property
    def verifier(self) -> Verifier:
        """Return the public half."""
        key = Ed25519PrivateKey.from_private_bytes(self.secret).public_key()
        return Verifier(name=self.name, public_key=key.public_bytes_raw())

    def sign(self, text: str) -> "Signature":
        """Sign the text of a note. Ed25519 is deterministic: the same text gives the same bytes."""
        signed = Ed25519PrivateKey.from_private_bytes(self.secret).sign(text.encode())
        return Signature(name=self.name, key_id=self.verifier.key_id, signed=signed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line; who made it is a claim until verified."""

    name: str
    key_id: bytes
    #: What the algorithm of the key gave; 64 bytes for Ed25519.
    signed: bytes

    def write(self) -> str:
        """Return the line, with its line feed."""
        return f"{_DASH}{self.name} {write_base64(self.key_id + self.signed)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note that was opened: its text is as the named keys signed it."""

    #: Ends in a line feed; the empty line before the signatures is no part of it.
    text: str
    #: The known keys that signed, in the order of their lines, each once.
    signed_by: tuple[Verifier, ...]


def parse_verifier(text: str) -> Verifier:
    """Read a verifier key; raise Invalid for all but the form and the key id that ``write`` gives."""
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    try:
        key = read_base64(encoded, "verifier key")
        verifier = Verifier(name=name, public_key=key.removeprefix(ED25519))
    except (Tampered, ValueError):
        raise Invalid("This is not a verifier key.", field="verifier_key") from None
    if verifier.write() != text:
        raise Invalid("The parts of the verifier key do not belong together.", field="verifier_key")
    return verifier


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """Return the note with one line for each signer, in their order. The text ends in a line feed."""
    if not is_plain(text) or not signers:
        raise ValueError("A note has a text that ends in a line feed, and a signer.")
    return (text + "\n" + "".join(signer.sign(text).write() for signer in signers)).encode()


def open_note(data: bytes, verifiers: Sequence[Verifier]) -> Note:
    """Return the text that at least one of the known keys signed; raise Tampered otherwise."""
    text, signatures = _split(read_text(data, "note", limit=MAX_NOTE_BYTES))
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(set(verifiers)):
        raise ValueError("Two known keys share their name and key id.")
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
    """Cut a note at its last empty line, into the text and the parsed signature lines."""
    before, gap, after = note.rpartition("\n\n")
    if not gap or not after:
        raise Tampered("The note has no empty line before its signatures.")
    lines = after.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Tampered(f"The note has more than {MAX_SIGNATURES} signatures.")
    return before + "\n", [_parse_line(line) for line in lines]


def _parse_line(line: str) -> Signature:
    """Read one signature line, strictly, whoever made it."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise Tampered("A signature line of the note is malformed.")
    data = read_base64(encoded, "signature of the note")
    if len(data) <= KEY_ID_BYTES:
        raise Tampered("A signature of the note is too short.")
    return Signature(name=name, key_id=data[:KEY_ID_BYTES], signed=data[KEY_ID_BYTES:])
