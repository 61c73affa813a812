"""Private keys that an admin enters: of a usual size, whole, and checked in little time whatever they hold."""

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.telephony.vonage.recorded import CREDENTIALS, KEY, PROVIDER, pem
from vault.errors import Invalid

#: Genuine primes of any size, without a search: Mersenne's.
P1279, P2203, P4253, P4423 = (2**exponent - 1 for exponent in (1279, 2203, 4253, 4423))


def numbers_of(p: int, q: int, e: int = 65537) -> dict[str, int]:
    """Return the numbers of the key of two primes, by name."""
    d = pow(e, -1, (p - 1) * (q - 1))
    return {
        "p": p,
        "q": q,
        "d": d,
        "dmp1": d % (p - 1),
        "dmq1": d % (q - 1),
        "iqmp": pow(q, -1, p),
        "n": p * q,
        "e": e,
    }


def tagged(tag: int, content: bytes) -> bytes:
    """Return a value in DER."""
    size = len(content)
    length = bytes([size]) if size < 128 else size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (b"" if size < 128 else bytes([0x80 | len(length)])) + length + content


def number(value: int) -> bytes:
    """Return an integer in DER."""
    return tagged(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def block(label: str, der: bytes) -> str:
    """Return PEM."""
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


def written(**numbers: int) -> str:
    """Return numbers as a key in PKCS #1, whether they are one or not."""
    order = ("n", "e", "d", "p", "q", "dmp1", "dmq1", "iqmp")
    content = b"".join(number(numbers[name]) for name in order)
    return block("RSA PRIVATE KEY", tagged(0x30, number(0) + content))


def encoded(form: Any, encryption: Any) -> str:
    """Return the good key in another form."""
    return KEY.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def dsa_key(bits: int) -> str:
    """Return a key whose public half OpenSSL computes while it loads it: a power of numbers of any size."""
    p, q, x = (1 << bits) - 159, (1 << 256) - 189, (1 << bits - 2) + 12345
    kind = tagged(0x30, bytes.fromhex("06072a8648ce380401") + tagged(0x30, number(p) + number(q) + number(3)))
    der = tagged(0x30, number(0) + kind + tagged(4, number(x)))
    return block("PRIVATE KEY", der)


def check(key: str) -> None:
    """Enter a key, as a part of a connection's credentials."""
    PROVIDER.check_credentials(CREDENTIALS | {"private_key": key})


def refusal(key: str) -> str:
    """Enter a key that is refused, and return the words."""
    with pytest.raises(Invalid) as error:
        check(key)
    assert error.value.field == "private_key"
    return str(error.value)


def cost(work: Callable[[], object]) -> float:
    """Return the processor time that it takes, the shortest of three times."""
    times = []
    for _ in range(3):
        begun = time.thread_time()
        work()
        times.append(time.thread_time() - begun)
    return min(times)


def sign() -> None:
    """Load a key of 2,048 bits and sign once: what each request at the platform costs, and so the measure here."""
    key = serialization.load_pem_private_key(pem(KEY).encode(), None, unsafe_skip_rsa_key_validation=True)
    key.sign(b"", padding.PKCS1v15(), hashes.SHA256())


PLAIN = serialization.NoEncryption()
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
OLDEST = numbers_of(P2203, P1279)
BIG = numbers_of(P4423, P4253)


USUAL = {
    "pkcs8": pem(KEY),
    "lines of windows": pem(KEY).replace("\n", "\r\n"),
    "attributes before it": f"Bag Attributes\n    friendlyName: x\n{pem(KEY)}\n",
    "pkcs1": encoded(TRADITIONAL, PLAIN),
    "3482 bits": written(**OLDEST),
}
PROTECTED = serialization.BestAvailableEncryption(b"x")
HOSTILE = {
    "too large": (written(**BIG), "This key has 8676 bits"),
    "another n": (written(**(BIG | {"n": OLDEST["n"]})), "are inconsistent"),
    "another p": (written(**(OLDEST | {"p": P4423})), "are inconsistent"),
    "a large d": (written(**(OLDEST | {"d": BIG["d"]})), "are inconsistent"),
    "another d": (written(**(OLDEST | {"d": OLDEST["d"] - 2})), "are inconsistent"),
    "another dmp1": (written(**(OLDEST | {"dmp1": 3})), "are inconsistent"),
    "another dmq1": (written(**(OLDEST | {"dmq1": 3})), "are inconsistent"),
    "another iqmp": (written(**(OLDEST | {"iqmp": 3})), "are inconsistent"),
    "no primes": (written(**numbers_of(P2203, P1279 - 2)), "cannot sign"),
    "no numbers": (written(**dict.fromkeys(OLDEST, 0)), "must be an RSA key"),
    "a large dsa key": (dsa_key(16_384), "must be an RSA key"),
    "a dsa key that says rsa": (dsa_key(2048).replace("BEGIN ", "BEGIN RSA "), "must be an RSA key"),
    "a password": (encoded(serialization.PrivateFormat.PKCS8, PROTECTED), "without a password"),
    "a password, pkcs1": (encoded(TRADITIONAL, PROTECTED), "without a password"),
    "two keys": (pem(KEY) + pem(KEY), "must be an RSA key"),
    "much around it": (pem(KEY) + " " * 8192, "must be an RSA key"),
    "no base64": (pem(KEY).replace("A", "*", 1), "must be an RSA key"),
    "half a key": (pem(KEY)[:900] + "\n-----END PRIVATE KEY-----", "must be an RSA key"),
}


@pytest.mark.parametrize("name", USUAL)
def test_a_key_is_taken_in_every_usual_form(name: str) -> None:
    """PKCS #8 and PKCS #1; and what takes 2,048 to 4,096 bits costs a few signatures, not a search for primes."""
    check(USUAL[name])
    assert cost(lambda: check(USUAL[name])) < 50 * cost(sign)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_other_key_is_refused_in_little_time(name: str) -> None:
    """Too large, of another kind, inconsistent or made to be slow: the answer names the field and what to do."""
    key, words = HOSTILE[name]
    said = refusal(key)
    assert words in said
    assert "openssl genrsa 4096" in said
    assert cost(lambda: refusal(key)) < 50 * cost(sign)
