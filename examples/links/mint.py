"""mint.py KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. It needs the package cryptography."""

import base64
import json
import secrets
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

key, kid, origin, recording, listener = sys.argv[1:]
now = int(time.time())
claims = {
    "aud": origin,
    "sub": recording,
    "lsn": listener,
    "iat": now,
    "exp": now + 300,
    "jti": secrets.token_hex(16),
}


def base64url(data):
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "Ed25519", "kid": kid}, claims))
signature = load_pem_private_key(Path(key).read_bytes(), None).sign(signed.encode())
print(f"{origin}/p/{signed}.{base64url(signature)}")
