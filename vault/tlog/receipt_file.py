"""Receipt files: what was done about a person's request, verifiable offline with only the log's verifier key.

A file is one line of canonical JSON (sorted keys, no spaces, ASCII) and a line feed:

    {"key": <verifier key of the log>,
     "leaves": [{"leaf": <the leaf's text>, "proof": <a proof file, c2sp.org/tlog-proof@v1>}, ...],
     "statement": {...}}

Exactly one leaf is the ``receipt.made`` of the statement: its ``evidence`` is SHA-256 of the canonical statement,
and its ``result`` is the id of the request. Every other leaf is one that the statement names by its index, type and
recording. So no byte can be changed: the JSON is canonical, the proofs and the signature cover each leaf, and a leaf
covers the statement. ``examples/verify_receipt.py`` verifies the same without the vault.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from vault.errors import Invalid, Tampered
from vault.tlog.note import Verifier, parse_verifier
from vault.tlog.proof_file import parse_proof_file, verify_proof_file

MAX_BYTES: Final = 64 * 1024 * 1024
STATEMENT_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenLeaf:
    """A leaf of the log, and its proof file."""

    leaf: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A verified receipt."""

    statement: Mapping[str, Any]
    verifier: Verifier
    #: The number of leaves that the statement rests on.
    leaves: int

    @property
    def recordings(self) -> int:
        """The number of recordings that the statement is about: that of a closure counts them and names none."""
        return int(self.statement.get("recordings_erased", len(self.statement["recordings"])))


def write_canonical(value: object) -> bytes:
    """Encode canonical JSON, of which the digest of a statement is taken."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def write_receipt(statement: bytes, leaves: Sequence[ProvenLeaf], verifier: Verifier) -> bytes:
    """Encode a receipt file. ``statement`` is canonical JSON."""
    return (
        write_canonical(
            {
                "key": verifier.write(),
                "leaves": [{"leaf": one.leaf.decode(), "proof": one.proof.decode()} for one in leaves],
                "statement": json.loads(statement),
            }
        )
        + b"\n"
    )


def verify_receipt(data: bytes, *, verifier: Verifier | None = None) -> Receipt:
    """Return a receipt whose every byte is proven by the log's key; raise Tampered, which says what is wrong.

    Without ``verifier``, the key that the file names is used: compare it with one from a trusted source.
    """
    fields = _canonical(data)
    try:
        named = parse_verifier(_text(fields, "key"))
    except Invalid:
        raise Tampered("The receipt names no valid verifier key.") from None
    if verifier is not None and named != verifier:
        raise Tampered("The receipt names another verifier key than the one given.")
    statement, leaves = fields.get("statement"), fields.get("leaves")
    if not isinstance(statement, dict) or not isinstance(leaves, list) or len(fields) != 3:  # noqa: PLR2004 - the fields above
        raise Tampered("The receipt is not made of a key, leaves and a statement.")
    proven = [_proven(leaf, number, named) for number, leaf in enumerate(leaves)]
    _check_leaves(statement, proven)
    return Receipt(statement=statement, verifier=named, leaves=len(proven))


def _canonical(data: bytes) -> Mapping[str, Any]:
    if len(data) > MAX_BYTES:
        raise Tampered(f"The receipt has more than {MAX_BYTES} bytes.")
    try:
        value = json.loads(data)
        canonical = write_canonical(value) + b"\n"
    except (ValueError, RecursionError):
        raise Tampered("The receipt is not JSON.") from None
    if canonical != data or not isinstance(value, dict):
        raise Tampered("The receipt is not canonical JSON.")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Tampered(f"The receipt has no {name}.")
    return value


def _proven(item: object, number: int, verifier: Verifier) -> tuple[int, Mapping[str, Any]]:
    """Return the index and the event of a leaf whose proof is valid."""
    if not isinstance(item, dict) or set(item) != {"leaf", "proof"}:
        raise Tampered(f"Leaf {number} of the receipt has no leaf and proof.")
    leaf, file = _text(item, "leaf").encode(), _text(item, "proof").encode()
    proof = parse_proof_file(file)
    if proof.extra or proof.checkpoint.rpartition(b"\n\n")[2].count(b"\n") != 1:
        raise Tampered(f"Leaf {number} of the receipt has data that nothing proves.")
    index, _ = verify_proof_file(file, leaf, [verifier])
    event = json.loads(leaf)
    if not isinstance(event, dict):
        raise Tampered(f"Leaf {number} of the receipt is not an access event.")
    return index, event


def _check_leaves(statement: Mapping[str, Any], proven: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Check that the leaves are those of the statement, and that one of them has its digest."""
    if statement.get("v") != STATEMENT_VERSION:
        raise Tampered("The statement of the receipt has a version that this release does not know.")
    digest = sha256(write_canonical(statement)).hexdigest()
    made = [event for _, event in proven if event.get("type") == "receipt.made"]
    if len(made) != 1 or not hmac.compare_digest(str(made[0].get("evidence")), digest):
        raise Tampered("The statement of the receipt is not the one whose digest is in the log.")
    if any(
        made[0].get(name) != statement.get(of) for name, of in (("result", "request"), ("account", "account"))
    ):
        raise Tampered("The statement and its leaf are of different requests.")
    named = {
        (leaf["index"], leaf["type"], recording["id"])
        for recording in statement["recordings"]
        for leaf in recording["leaves"]
    }
    shown = {(index, event["type"], event.get("recording")) for index, event in proven if event not in made}
    if named != shown or len(proven) != len(named) + 1:
        raise Tampered("The leaves of the receipt are not those that its statement names.")
