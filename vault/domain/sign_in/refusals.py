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
    # Passkeys and invitations.
    "challenge", "passkey_form", "passkey_type", "origin", "passkey_domain", "not_verified", "counter",
    "passkey", "invitation",
    # Provisioning.
    "not_provisioned",
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
    "challenge": "This took too long, or was begun in another browser. Try again.",
    "passkey_form": "The browser's answer cannot be read. Try again with another browser or passkey.",
    "passkey_type": "The browser's answer is for something else. Try again.",
    "origin": "The browser's answer is for another page. Open the console at its own address.",
    "passkey_domain": "This passkey is for another site.",
    "not_verified": "The device did not verify you by PIN, fingerprint or face. Try again, and let it verify you.",
    "counter": "This passkey may have been copied: its counter went back. Ask an administrator to remove it.",
    "passkey": "This passkey does not sign in here. It may have been removed.",
    "invitation": "This address was used already, was revoked, or is too old. Ask your administrator for another.",
    "not_provisioned": "The directory of your company does not name you as active here. Ask its administrator to "
    "assign you to this application.",
    "removed": "This person was removed from the members of the account.",
}


class SignInRefused(NotAuthentic):
    """A sign-in, or a token of a provider, is refused. ``failed`` is the code."""

    def __init__(self, code: RefusalCode, detail: str | None = None) -> None:
        """Store the code and the sentence; ``detail`` takes the place of the code's own sentence."""
        text = detail or _TEXTS.get(code) or f"The provider's token is not valid ({code})."
        super().__init__(text, failed=code)
