"""The discovery document of a provider (OpenID Connect Discovery 1.0), as far as a sign-in needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.strict_json import read_object
from vault.domain.urls import split_url
from vault.sentence import Sentence

#: Maximum bytes of the document; those of large providers have 3,000.
MAX_DOCUMENT: Final = 128 * 1024
_MAX_URL: Final = 2000
_DISCOVERY: Final = "/.well-known/openid-configuration"
#: Without these nobody signs in.
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The part of the discovery document that a sign-in needs."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    #: Where a person ends the session at the provider; None if it has none that can be used.
    end_session_endpoint: str | None
    #: Whether each answer names the issuer (RFC 9207); then an answer that does not is refused.
    sends_issuer: bool
    #: Whether the token endpoint takes the client's secret only in the form, and not in a header.
    secret_in_form: bool


def discovery_url(issuer: str) -> str:
    """Return the address of the discovery document."""
    return issuer.rstrip("/") + _DISCOVERY


def parse_metadata(data: bytes, issuer: str) -> ProviderMetadata:
    """Parse a discovery document. Raises SignInRefused, ``metadata``, also if it is another issuer's."""
    try:
        document = read_object(data, MAX_DOCUMENT)
    except ValueError:
        raise SignInRefused("metadata") from None
    if document.get("issuer") != issuer:
        # Otherwise an issuer could take over another one's sign-ins (RFC 9207, section 4).
        raise SignInRefused("metadata")
    methods = document.get("token_endpoint_auth_methods_supported")
    by_header = not isinstance(methods, list) or "client_secret_basic" in methods
    userinfo = document.get("userinfo_endpoint")
    return ProviderMetadata(
        authorization_endpoint=_endpoint(document, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(document, "token_endpoint", issuer),
        jwks_uri=_endpoint(document, "jwks_uri", issuer),
        userinfo_endpoint=None if userinfo is None else _endpoint(document, "userinfo_endpoint", issuer),
        end_session_endpoint=_optional_endpoint(document, "end_session_endpoint", issuer),
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        secret_in_form=not by_header,
    )


def metadata_problems(data: bytes, issuer: str) -> Sequence[str]:
    """Return a sentence for each thing for which ``parse_metadata`` refuses a discovery document."""
    try:
        document = read_object(data, MAX_DOCUMENT)
    except ValueError:
        return ["The provider's discovery document is not a JSON object."]
    found: list[str] = []
    said = document.get("issuer")
    if said != issuer:
        is_shown = isinstance(said, str) and len(said) <= _MAX_URL and said.isascii() and said.isprintable()
        text = Sentence(
            "The provider calls itself %(issuer)s. Enter exactly that as the issuer.", issuer=said
        )
        found.append(text if is_shown else "The provider's discovery document names no issuer.")
    for name in _NEEDED:
        if _optional_endpoint(document, name, issuer) is None:
            text = Sentence("The provider's discovery document has no %(name)s that can be used.", name=name)
            found.append(text)
    return found


def metadata_notes(data: bytes, scopes: Sequence[str], claim: str) -> Sequence[str]:
    """Return a sentence for each scope and claim that a valid discovery document does not list, which may work."""
    document = read_object(data, MAX_DOCUMENT)
    listed = {name: document.get(f"{name}_supported") for name in ("scopes", "claims")}
    found: list[str] = [
        Sentence("The provider does not list the scope %(name)s.", name=scope)
        for scope in scopes
        if isinstance(listed["scopes"], list) and scope not in listed["scopes"]
    ]
    if isinstance(listed["scopes"], list) and claim in listed["scopes"] and claim not in scopes:
        text = Sentence(
            "The provider lists a scope %(name)s. Add it to the scopes, or it may not send the claim.",
            name=claim,
        )
        found.append(text)
    if isinstance(listed["claims"], list) and claim not in listed["claims"]:
        text = Sentence(
            "The provider does not list the claim %(name)s. See to it that its ID tokens have it.", name=claim
        )
        found.append(text)
    return found


def _optional_endpoint(document: Mapping[str, Any], name: str, issuer: str) -> str | None:
    """Return an endpoint without which people can sign in; None if it is missing or not valid."""
    try:
        return _endpoint(document, name, issuer)
    except SignInRefused:
        return None


def _endpoint(document: Mapping[str, Any], name: str, issuer: str) -> str:
    """Return an endpoint: https, or plain http at the issuer's own host and port where that is plain http too."""
    url = document.get(name)
    if not isinstance(url, str) or len(url) > _MAX_URL or not url.isascii() or not url.isprintable():
        raise SignInRefused("metadata")
    parts, own = split_url(url), split_url(issuer)
    same_origin = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    if not parts.netloc or "@" in parts.netloc or " " in url or not (parts.scheme == "https" or same_origin):
        raise SignInRefused("metadata")
    return url
