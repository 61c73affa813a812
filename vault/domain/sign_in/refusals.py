"""Why a sign-in or a logout token is refused: a code for the log, and a sentence for the person."""

from typing import Final, Literal

from vault.errors import NotAuthentic

RefusalCode = Literal[
    # The callback.
    "state", "issuer_parameter", "provider_error", "code",
    # The provider's documents.
    "metadata", "keys", "token_response", "userinfo",
    # Tokens.
    "token_size", "token_form", "token_type", "algorithm", "key", "signature", "issuer", "audience", "times",
    "subject", "nonce", "access_token_hash", "events", "replay", "too_many_groups", "removed",
]  # fmt: skip

_TEXTS: Final[dict[str, str]] = {
    "state": "This sign-in is not known, has expired, or was begun in another browser. Begin again.",
    "issuer_parameter": "The answer came from another provider than the one that was asked. Begin again.",
    "provider_error": "The provider refused the sign-in.",
    "code": "The provider sent no code.",
    "metadata": "The provider's discovery document is not valid for this issuer.",
    "keys": "The provider's key set is not valid.",
    "token_response": "The provider did not exchange the code for an ID token.",
    "userinfo": "The provider's user information is about another person.",
    "too_many_groups": "The provider left the groups out of the ID token because there are too many (groups overage). "
    "Ask the administrator to send app roles, or only the groups that are assigned to this application.",
    "removed": "This person was removed from the members of the account.",
}


class SignInRefused(NotAuthentic):
    """A sign-in, or a token of a provider, is refused. ``failed`` is the code."""

    def __init__(self, code: RefusalCode, detail: str | None = None) -> None:
        """Store the code and the sentence; ``detail`` takes the place of the code's own sentence."""
        text = detail or _TEXTS.get(code) or f"The provider's token is not valid ({code})."
        super().__init__(text, failed=code)
