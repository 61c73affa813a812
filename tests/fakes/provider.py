"""The vault's own platform, as if it had a REST interface: for the verbs that ask a provider."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.domain.calls.call import Announcement, CallFacts, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery, Listed, ListedPage, RestReply, RestRequest
from vault.errors import FetchFailed
from vault.telephony.providers.standard_webhooks.adapter import Platform

API = "https://api.example"


@dataclass(frozen=True, slots=True)
class FakeProvider(Platform):
    """Finds, deletes and lists under API; its recordings are called by their own references."""

    again: timedelta | None = None

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Understand as the platform does, and give the recording a name at the source."""
        heard = Platform.understand(self, delivery)
        if heard is None or heard.announcement is None:
            return heard
        ref = heard.announcement.recording_ref
        return replace(heard, announcement=replace(heard.announcement, source_ref=ref))

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Ask for the recording."""
        return RestRequest(method="GET", url=f"{API}/{announcement.source_ref}", headers={})

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Take the URL out of the answer."""
        if reply.status != 200:
            raise FetchFailed("The provider does not have it.", final=reply.status == 410)
        return replace(announcement, url=json.loads(reply.body)["url"])

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Delete the recording; one called ``kept`` cannot be."""
        return (
            None
            if source_ref == "kept"
            else RestRequest(method="DELETE", url=f"{API}/{source_ref}", headers={})
        )

    @property
    def is_own_software(self) -> bool:
        """Return False: it is a provider."""
        return False

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Pause the recording of a call."""
        return RestRequest(method="POST", url=f"{API}/{call_ref}/pause", headers={})

    def resume_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Let the recording of a call go on."""
        return RestRequest(method="POST", url=f"{API}/{call_ref}/resume", headers={})

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return what the test chose."""
        return self.again

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Ask for a page."""
        return RestRequest(method="GET", url=cursor or f"{API}/list", headers={})

    def listed(self, reply: RestReply) -> ListedPage:
        """Read a page."""
        if reply.status != 200:
            raise FetchFailed("The provider has no list.")
        page = json.loads(reply.body)
        ended = datetime.fromisoformat(page["ended"]) if "ended" in page else None
        return ListedPage(
            items=[
                Listed(
                    announcement=Announcement(recording_ref=ref, url=page["url"], source_ref=ref),
                    facts=CallFacts(call_ref=f"call-of-{ref}", ended_at=ended),
                )
                for ref in page["refs"]
            ],
            cursor=page.get("next"),
        )
