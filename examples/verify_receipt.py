"""Verify a receipt of callvault without callvault: python verify_receipt.py RECEIPT [KEY]; needs cryptography."""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verify(data, key=None):
    """Return the statement of a receipt; raises ValueError if any byte of it is not what the log has."""
    receipt = json.loads(data)
    check(
        canonical(receipt) + b"\n" == data and set(receipt) == {"key", "leaves", "statement"}, "not canonical"
    )
    check(key in {None, receipt["key"]}, "another log's key")
    statement, shown = receipt["statement"], []
    for one in receipt["leaves"]:
        check(set(one) == {"leaf", "proof"}, "unknown fields")
        index, event = proven(one["leaf"].encode(), one["proof"], receipt["key"]), json.loads(one["leaf"])
        shown.append(
            (index, event["type"], event.get("recording"), event.get("evidence"), event.get("result"))
        )
    made = [one for one in shown if one[1] == "receipt.made"]
    digest = hashlib.sha256(canonical(statement)).hexdigest()
    check([one[3:] for one in made] == [(digest, statement["request"])], "the log has another statement")
    named = [
        (leaf["index"], leaf["type"], one["id"]) for one in statement["recordings"] for leaf in one["leaves"]
    ]
    check(sorted(named) == sorted(one[:3] for one in shown if one not in made), "other leaves than named")
    return statement


def proven(leaf, proof, key):
    """Return the index of a leaf whose inclusion and signature are right (c2sp.org/tlog-proof, RFC 9162)."""
    head, text, signature = proof.split("\n\n")
    version, index, *hashes = head.split("\n")
    (origin, size, root), (name, _, public) = text.split("\n"), key.split("+", 2)
    dash, signer, signed = signature.rstrip("\n").split(" ")
    raw, public_key, at = decode(signed), decode(public), int(index[6:])
    key_id = hashlib.sha256(name.encode() + b"\n" + public_key).digest()[:4]
    check((f"{name}+{key_id.hex()}+{public}", raw[:4]) == (key, key_id), "another key")
    check((version, dash, signer, origin) == ("c2sp.org/tlog-proof@v1", "\u2014", name, name), "another log")
    check((f"{dash} {signer} {signed}\n", f"index {at}") == (signature, index), "not canonical")
    Ed25519PublicKey.from_public_bytes(public_key[1:]).verify(raw[4:], f"{text}\n".encode())
    place, last, reached = at, int(size) - 1, hashlib.sha256(b"\0" + leaf).digest()
    check(0 <= place <= last, "an index outside the log")
    for sibling in map(decode, hashes):
        is_right = place & 1 or place == last
        reached = hashlib.sha256(b"\1" + (sibling + reached if is_right else reached + sibling)).digest()
        while is_right and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    check((last, reached) == (0, decode(root)), "a proof that does not lead to the root")
    return at


def canonical(value):
    """Return canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def decode(text):
    """Return the bytes of canonical base64."""
    data = base64.b64decode(text, validate=True)
    check(base64.b64encode(data).decode() == text, "not canonical")
    return data


def check(is_right, why):
    """Raise ValueError unless something is right."""
    if not is_right:
        raise ValueError(f"The receipt is wrong: {why}.")


if __name__ == "__main__":
    print(json.dumps(verify(Path(sys.argv[1]).read_bytes(), *sys.argv[2:3]), indent=2))
