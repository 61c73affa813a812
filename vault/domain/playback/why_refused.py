"""Why a signed link opens nothing, in a sentence for the developer whose backend signs it."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from vault.domain.playback.signed_token import MAX_AHEAD, MAX_TOKEN, UNKNOWN_CLAIM, Reason

#: A reason of a token, or one that only the account is told: the link is the vault's own, or is opened from elsewhere.
CheckReason = Reason | Literal["not_signed", "elsewhere"]
CHECK_REASONS: Final[tuple[str, ...]] = (*get_args(Reason), "not_signed", "elsewhere")
_OPENS: Final = "The link opens now."
_SENTENCES: Final[Mapping[CheckReason, str]] = {
    "malformed": (
        f"It must be three parts of base64url without padding, of at most {MAX_TOKEN} characters, and its header must "
        'have alg and kid, and as typ nothing or "vault-link+jwt": libraries often write "JWT", which is refused. No '
        "number may have a fraction, and no name may stand twice."
    ),
    "unknown_key": "kid must be the id of a key that this account has registered: not deleted, not past its not_after.",
    "algorithm": "alg must be that of the registered key: Ed25519 (or EdDSA), or ES256.",
    "signature": "The signature is not one of the private key of this kid over the header, a dot and the payload.",
    "claims": "A claim is wrong or missing.",
    "audience": "aud must be the origin of this vault, as in VAULT_PUBLIC_URL.",
    "clock": (
        f"iat must not be more than {MAX_AHEAD.total_seconds():.0f} seconds after the vault's clock: compare the "
        "clocks, and write seconds, not milliseconds."
    ),
    "lifetime": "exp must be after iat, by no more than max_life of the key: in seconds, not milliseconds.",
    "expired": "exp has passed.",
    "recording": (
        "The account has no recording of this id or these names that can be played: it does not exist, it is "
        "restricted, refused, erased or in quarantine, or two connections have one of these names."
    ),
    "limits": "n, knd, net or dl allow more than the key: compare max_sessions, kinds, networks and download.",
    "cut": "It was cut off or revoked: by a cut, or because what it opened was restricted.",
    "reused": "Another token with this jti was used before: each link needs a jti of its own.",
    "used_up": "All of its sessions were opened: n, or max_sessions of the key.",
    "not_signed": "The vault made this link itself: the links of its recording show what became of it.",
    "elsewhere": "The address is in none of the networks of the link or of its key.",
}


def sentence(reason: CheckReason | None, claim: str | None = None) -> str:
    """Return what is wrong and what to do; for None, that nothing is."""
    if reason is None:
        return _OPENS
    if claim == UNKNOWN_CLAIM:
        return "The token has a claim that is not one of a link."
    if reason == "claims" and claim is not None:
        return f"The claim {claim} is wrong or missing."
    return _SENTENCES[reason]
