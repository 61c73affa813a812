"""Read the URLs that are settings. Each raises StartRefused, which names the variable."""

from vault.domain.urls import split_url
from vault.errors import StartRefused


def public_url_of(value: str) -> str:
    """Return the public base URL, without a slash at its end."""
    parts = split_url(value)
    try:
        port_is_sound = parts.port != 0
    except ValueError:
        port_is_sound = False
    named = parts.scheme in {"http", "https"} and parts.hostname and port_is_sound
    if not named or parts.query or parts.fragment:
        raise StartRefused(
            "VAULT_PUBLIC_URL must be an http or https URL without query, such as https://vault.example."
        )
    if parts.path.strip("/"):
        raise StartRefused(
            "VAULT_PUBLIC_URL must not have a path: the vault serves only the root of a host. Give it a host name of "
            "its own, such as https://vault.example."
        )
    return value.rstrip("/")


def docs_url_of(value: str | None) -> str | None:
    """Return where the documentation is served, without a slash at its end; None for none."""
    if value is None:
        return None
    parts = split_url(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise StartRefused(
            "VAULT_DOCS_URL must be an http or https URL without query, such as https://docs.example/callvault."
        )
    return value.rstrip("/")


def tracing_url_of(value: str | None) -> str | None:
    """Return where spans are sent; None for none."""
    if value is None:
        return None
    parts = split_url(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise StartRefused(
            "VAULT_TRACING_URL must be an http or https URL without credentials, such as "
            "http://127.0.0.1:4318/v1/traces."
        )
    return value
