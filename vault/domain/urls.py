"""URLs in settings, taken apart."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from vault.errors import StartRefused


def split_url(url: str) -> SplitResult:
    """Take a URL apart. One that Python cannot take apart, such as ``http://[``, has no parts: it is of no kind."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def is_loopback(host: str | None) -> bool:
    """Say whether a URL's host is this machine itself."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def endpoint_of(options: Mapping[str, str], example: str) -> str | None:
    """Return the option ``endpoint_url``; None where it is left out. Raises StartRefused, with the example."""
    if not (endpoint_url := options.get("endpoint_url")):
        return None
    endpoint = split_url(endpoint_url)
    if endpoint.scheme not in {"http", "https"} or not endpoint.hostname or "@" in endpoint.netloc:
        raise StartRefused("endpoint_url is an http or https URL without credentials. " + example)
    return endpoint_url
