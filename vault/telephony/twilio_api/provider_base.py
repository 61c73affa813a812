"""The part of a provider that only asks the REST interface of the 2010-04-01 dialect."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar

from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access, ListedPage, RestReply, RestRequest
from vault.telephony.twilio_api import rest


class TwilioApiProvider(ABC):
    """What Twilio and SignalWire answer alike, each at its own origin. It has no state."""

    __slots__ = ()

    #: What stands before ``/Accounts`` in every path of the interface.
    prefix: ClassVar[str]

    @abstractmethod
    def rest(self, access: Access) -> rest.Rest:
        """Return the account at its origin."""

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return the call that describes the recording; None without its id. URLs do not expire."""
        if announcement.source_ref is None:
            return None
        rest = self.rest(access)
        return rest.request("GET", rest.recording(announcement.source_ref) + ".json")

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with the URL of today. Raises FetchFailed, final if it was deleted."""
        return rest.found(announcement, reply)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return the call that deletes the media at once; 204 is the answer."""
        rest = self.rest(access)
        return rest.request("DELETE", rest.recording(source_ref) + ".json")

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the provider's copy would stay, and cost, until somebody deletes it."""
        return True

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return None: what is not there yet is answered with 404, not with success."""
        return None

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Return the call that lists recordings made on the day of ``since`` or later."""
        rest = self.rest(access)
        return rest.request("GET", rest.list_path(since, cursor))

    def listed(self, reply: RestReply) -> ListedPage:
        """Return the finished recordings of a page. Raises FetchFailed for an answer that is no list."""
        return rest.listed(reply, prefix=self.prefix)

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the port's signature
        """Return None: documents decide before anything is recorded."""
        return None
