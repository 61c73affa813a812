"""The base class of providers with Twilio's REST API."""

from abc import abstractmethod
from datetime import datetime
from typing import ClassVar

from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access, Delivery, ListedPage, RestReply, RestRequest
from vault.ports.telephony import Provider
from vault.telephony.twilio_api import events, rest


class TwilioApiProvider(Provider):
    """The parts that Twilio and SignalWire share; only the origin differs. It has no state."""

    __slots__ = ()

    #: The path prefix before ``/Accounts``.
    prefix: ClassVar[str]

    @abstractmethod
    def rest(self, access: Access) -> rest.Rest:
        """Return the REST API of the connection's account."""

    def event_name(self, delivery: Delivery) -> str | None:
        """Return the status of the recording or the call; None for JSON."""
        return None if events.is_json(delivery) else events.event_name(events.fields(delivery))

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Build the request for the recording's metadata; None without its id. URLs do not expire."""
        if announcement.source_ref is None:
            return None
        rest = self.rest(access)
        return rest.request("GET", rest.recording(announcement.source_ref) + ".json")

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with its current URL. Raises FetchFailed, final if the recording was deleted."""
        return rest.found(announcement, reply)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Build the request that deletes the media immediately: 204, or 404 if the media does not exist yet."""
        rest = self.rest(access)
        return rest.request("DELETE", rest.recording(source_ref) + ".json")

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the provider keeps and bills its copy until it is deleted."""
        return True

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Build the request that lists recordings from the day of ``since`` on."""
        rest = self.rest(access)
        return rest.request("GET", rest.list_path(since, cursor))

    def listed(self, reply: RestReply) -> ListedPage:
        """Return the finished recordings of a page. Raises FetchFailed if the response is not a list."""
        return rest.listed(reply, prefix=self.prefix)
