"""Parses and checks URLs in settings."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from vault.errors import StartRefused

_HTTP_PORT: Final = 80


def split_url(url: str) -> SplitResult:
    """Split a URL. For one that Python cannot parse, such as ``http://[``, all parts are empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def is_loopback(host: str | None) -> bool:
    """Return whether a URL's host is a loopback address or ``localhost``."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def is_amazon(url: str) -> bool:
    """Return whether a URL is that of Amazon's own service, and not of one with the same interface."""
    return (split_url(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def endpoint_of(options: Mapping[str, str], example: str, plain_http: Sequence[str]) -> str | None:
    """Return the option ``endpoint_url``; None where it is missing. Raises StartRefused, with the example."""
    if not (endpoint_url := options.get("endpoint_url")):
        return None
    endpoint = split_url(endpoint_url)
    if endpoint.scheme not in {"http", "https"} or not endpoint.hostname or "@" in endpoint.netloc:
        raise StartRefused("endpoint_url is an http or https URL without credentials. " + example)
    refuse_plain_http(endpoint_url, plain_http)
    return endpoint_url


def refuse_plain_http(url: str, allowed: Sequence[str]) -> None:
    """Raise StartRefused for an http URL, unless its host is a loopback or its ``host:port`` is ``allowed``."""
    parts = split_url(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or is_loopback(host):
        return
    authority = (
        f"[{host}]:{parts.port or _HTTP_PORT}" if ":" in host else f"{host}:{parts.port or _HTTP_PORT}"
    )
    if authority not in {entry.lower() for entry in allowed}:
        raise StartRefused(
            "A key service or object store would be reached over plain http, where keys, tokens and stored data "
            "can be read and changed in transit. Use https, or add its host:port to VAULT_PLAIN_HTTP_ALLOW."
        )
