"""Refuse a URL of media that can never be fetched, before anything is stored."""

from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import Fetcher, Provider
from vault.sentence import Sentence


def check_media_url(
    fetcher: Fetcher, provider: Provider, announcement: Announcement, access: Access, *, field: str
) -> None:
    """Raise Invalid for ``field`` if the announced URL has a form, scheme, port, host or address never fetched from."""
    try:
        fetcher.check(provider.media_request(announcement, access))
    except FetchFailed as error:
        text = Sentence("%(field)s can never be fetched: %(error)s", field=field, error=error)
        raise Invalid(text, field=field) from None
