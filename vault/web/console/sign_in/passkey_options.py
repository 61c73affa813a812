"""What a browser is asked for, as ``passkey.js`` hands it to ``navigator.credentials``."""

from collections.abc import Iterable, Mapping

from fastapi import Response
from fastapi.responses import JSONResponse

from vault.domain.base64url import encode_base64url
from vault.domain.sign_in.passkey import ALGORITHMS
from vault.services.service import Vault


def to_use(vault: Vault, challenge: bytes, *, own: Iterable[bytes] | None = None) -> Response:
    """Ask for a proof by a passkey: by one of a person's ``own``, else by any that the device has for the domain."""
    allowed = {} if own is None else {"allow": [encode_base64url(one) for one in own]}
    return _options(vault, challenge, allowed)


def to_make(vault: Vault, challenge: bytes, *, handle: bytes, name: str, own: Iterable[bytes]) -> Response:
    """Ask for a new passkey of a person; ``own``: those that the person has, for a device makes no second one."""
    wanted = {
        "user": {"id": encode_base64url(handle), "name": name},
        "algorithms": list(ALGORITHMS),
        "exclude": [encode_base64url(one) for one in own],
    }
    return _options(vault, challenge, wanted)


def _options(vault: Vault, challenge: bytes, more: Mapping[str, object]) -> Response:
    said = {"challenge": encode_base64url(challenge), "domain": vault.sign_in.passkeys.proofs.site.domain}
    return JSONResponse({**said, **more}, headers={"Cache-Control": "no-store"})
