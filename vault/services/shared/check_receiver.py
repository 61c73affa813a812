"""What a receiver of messages may be: what the sender never reaches is refused when an account names it."""

from vault.domain.outbox.receiver import check_url
from vault.errors import FetchFailed, Invalid
from vault.ports.outside import Outside


def check_receiver(outside: Outside, url: str) -> None:
    """Raise Invalid for a URL to which ``outside`` never sends."""
    check_url(url)
    try:
        outside.check(url)
    except FetchFailed as error:
        raise Invalid(str(error), field="url") from error
