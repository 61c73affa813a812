"""What a receiver of messages may be: what the sender never reaches is refused when an account names it."""

from urllib.parse import urlsplit

from vault.errors import FetchFailed, Invalid
from vault.ports.outside import Outside


def check_receiver(outside: Outside, url: str) -> None:
    """Raise Invalid for a URL to which ``outside`` never sends."""
    check_url(url)
    try:
        outside.check(url)
    except FetchFailed as error:
        raise Invalid(str(error), field="url") from error


def check_url(url: str) -> None:
    """Raise Invalid unless it is a URL with a host, and without user, password and fragment.

    http is for receivers that the operator allows, which the client that sends says (``Outside.check``).
    """
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in {"https", "http"}
            and bool(parts.hostname)
            and parts.username is None
            and not parts.fragment
        )
    except ValueError:
        good = False
    if not good or not url.isascii() or any(character.isspace() for character in url):
        text = "url must begin with https:// and a host, without user, password and fragment."
        raise Invalid(text, field="url")
