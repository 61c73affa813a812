"""Aircall: JSON webhooks about calls and recordings, authenticated only by a token in the body.

The token is compared before any other field is used. There is no signature, timestamp or delivery id, so
duplicates are detected by the recording they announce.

A call may have a recording and a voicemail; here they are two recordings, ``<call>/recording`` and
``<call>/voicemail``. If one event contains both, the recording is announced: the voicemail arrives in its own
event (``call.voicemail_left``), or is found in the list. ``call.hungup`` announces nothing, because it is sent
before the media exists; ``call.ended`` follows about half a minute later.

Media is at pre-signed S3 URLs that expire in minutes and whose query differs between events. They are fetched without
credentials, which S3 refuses together with a signature; after they expire, a new URL is requested.
Sources: developer.aircall.io, webhooks overview and API reference.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import (
    Access,
    Delivery,
    Listed,
    ListedPage,
    MediaRequest,
    RestReply,
    RestRequest,
)
from vault.errors import FetchFailed, Invalid, NotAuthentic
from vault.ports.telephony import CredentialField, Credentials, Provider
from vault.telephony.parsing.json_fields import Json, media, member, text
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.providers.aircall.events import (
    ASSETS,
    CALL_ID,
    ENDED,
    FACTS_ONLY,
    VOICEMAIL,
    call_id_of,
    facts_of,
    media_of,
    parse_announcement,
)
from vault.telephony.rest_api.media_requests import presigned
from vault.telephony.rest_api.replies import basic, reply_object, rest_base, rest_hosts

REST = "https://api.aircall.io"
HOSTS = ("api.aircall.io", "assets.aircall.io")
#: Aircall's buckets, in any region: ``production-fra-web.s3.eu-central-1.amazonaws.com``.
BUCKET = re.compile(r"production-[a-z0-9-]{1,63}\.s3\.[a-z0-9-]{1,32}\.amazonaws\.com")

EVENTS = (*FACTS_ONLY, ENDED, ASSETS, VOICEMAIL)

REF = re.compile(r"([1-9][0-9]{0,19})/(recording|voicemail)")
PAGE = 50
CREDENTIALS = (
    CredentialField(
        name="api_id",
        label="API ID",
        hint="In the dashboard under Integrations & API, API Keys.",
        # HTTP Basic allows no colon in it.
        pattern=re.compile(r"[!-9;-~]{1,500}"),
        is_secret=False,
    ),
    CredentialField(
        name="api_token",
        label="API token",
        hint="Made with the API ID, and shown once.",
        pattern=re.compile(r"[!-~]{1,500}"),
        is_secret=True,
    ),
    CredentialField(
        name="token",
        label="Token of the webhook",
        hint="Aircall makes it with the webhook. Until then enter a long random text, and change it here afterwards.",
        pattern=re.compile(r"[!-~]{1,500}"),
        is_secret=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Aircall(Provider):
    """The provider ``aircall``. It has no state."""

    name: str = "aircall"
    title: str = "Aircall"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless the body's ``token`` equals a token in ``credentials``."""
        try:
            token = parse_object(delivery.body).get("token")
        except Invalid:
            token = None
        given = _digest(token if isinstance(token, str) else "")
        proven = False
        for known in [entry.get("token", "") for entry in credentials] or [""]:
            # Comparing digests also hides the length. An empty token is never accepted.
            proven |= hmac.compare_digest(given, _digest(known)) and known != ""
        if not proven:
            raise NotAuthentic("The delivery does not contain this connection's token.")

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse the event; None for events that the vault does not use. Raises Invalid."""
        event = parse_object(delivery.body)
        kind = event.get("event")
        if not isinstance(kind, str):
            raise Invalid("event must be a string: the event's type.", field="event")
        if kind not in EVENTS:
            return None
        data = event.get("data")
        if not isinstance(data, dict):
            raise Invalid("data must be an object.", field="data")
        return WebhookContent(facts=facts_of(data, "data."), announcement=parse_announcement(kind, data))

    def event_name(self, delivery: Delivery) -> str | None:
        """Return ``event``."""
        return text(parse_object(delivery.body), "event")

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Build a request to Aircall's hosts and buckets, without credentials."""
        return presigned(announcement, access, hosts=HOSTS, bucket=BUCKET)

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return ``GET /v1/calls/{id}``, whose response contains new URLs."""
        match = REF.fullmatch(announcement.source_ref or "")
        return None if match is None else _request("GET", f"/v1/calls/{match[1]}", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with a new URL.

        Raises FetchFailed: final if the call was deleted, or if it was not answered and has a voicemail, so never a
        recording; not final otherwise, because media may take a day to arrive.
        """
        match = REF.fullmatch(announcement.source_ref or "")
        try:
            call = member(reply_object(reply), "call")
            if match is None or call_id_of(call, "call.") != match[1]:
                raise FetchFailed("The provider's response is about another call.")
            url, voicemail = media(call, match[2], path="call."), media(call, "voicemail", path="call.")
        except Invalid:
            raise FetchFailed("The provider's response is not a call.") from None
        if url is None:
            never = match[2] == "recording" and voicemail is not None and call.get("answered_at") is None
            raise FetchFailed(f"The provider has no {match[2]} of this call.", final=never)
        return replace(announcement, url=url)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return ``DELETE /v1/calls/{id}/recording`` or ``/voicemail``."""
        match = REF.fullmatch(source_ref)
        return None if match is None else _request("DELETE", f"/v1/calls/{match[0]}", access)

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the vault's copy should be the only one."""
        return True

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return 25 hours: Aircall reports success even for media that arrives up to 24 hours later."""
        return timedelta(hours=25)

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Build the request for a page of calls created since, oldest first; the cursor is a page number."""
        query = {"from": int(since.timestamp()), "order": "asc", "per_page": PAGE, "page": cursor or "1"}
        return _request("GET", f"/v1/calls?{urlencode(query)}", access)

    def listed(self, reply: RestReply) -> ListedPage:
        """Return the media in a page of calls. Raises FetchFailed if the response is not a list.

        An invalid call is skipped, so that it does not hide the others.
        """
        answer = reply_object(reply)
        calls = answer.get("calls")
        if not isinstance(calls, list):
            raise FetchFailed("The provider's response is not a list of calls.")
        items: list[Listed] = []
        for call in calls:
            with suppress(Invalid):
                facts = facts_of(member({"call": call}, "call"), "call.")
                items += [Listed(announcement=each, facts=facts) for each in media_of(call, "call.")]
        return ListedPage(items=items, cursor=_next_page(answer))

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return ``POST /v1/calls/{id}/pause_recording``; None if the id is not one of Aircall's.

        Aircall responds with 204, with 400 if the call has ended, and with 405 if its number is not recorded.
        """
        if CALL_ID.fullmatch(call_ref) is None:
            return None
        return _request("POST", f"/v1/calls/{call_ref}/pause_recording", access)

    def resume_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return ``POST /v1/calls/{id}/resume_recording``; it answers like the pause."""
        if CALL_ID.fullmatch(call_ref) is None:
            return None
        return _request("POST", f"/v1/calls/{call_ref}/resume_recording", access)

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the values for Aircall's dashboard or its ``POST /v1/webhooks``."""
        return {
            "url": webhook_url,
            "method": "POST",
            "events": list(EVENTS),
            "token": (
                "Aircall creates the token. POST /v1/webhooks returns it; for a webhook created in the dashboard, "
                "GET /v1/webhooks shows it. It is the only authentication of webhooks: protect it like a password."
            ),
            "retries": (
                "Aircall retries a webhook without a response within 5 seconds, and disables it after "
                "many consecutive failures: PUT /v1/webhooks/{id} with active true enables it again."
            ),
            "recording": (
                "Whether calls are recorded is a setting of each number in Aircall. The vault refuses and "
                "deletes recordings that must not be kept. With pause_refused on the connection it also asks Aircall "
                "to pause such a recording; the part recorded before that is deleted after the call."
            ),
            "delete_at_source": (
                "On by default. After the vault has verified its own copy it deletes Aircall's, and again 25 hours "
                "later, because Aircall reports success even for media that has not arrived yet. This cannot "
                "be undone, and with AI Assist it deletes transcriptions and insights too. Caller, number, "
                "times and tags of the call remain at Aircall."
            ),
        }


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _request(method: str, target: str, access: Access) -> RestRequest:
    base = rest_base(access, REST)
    headers = {
        "Authorization": basic(access.credentials.get("api_id", ""), access.credentials.get("api_token", "")),
        "Accept": "application/json",
    }
    if method != "GET":
        # Aircall requires it even without a body.
        headers["Content-Type"] = "application/json"
    return RestRequest(method=method, url=base + target, headers=headers, hosts=rest_hosts(base))


def _next_page(answer: Json) -> str | None:
    """Return the page number in ``next_page_link``. Its host is ignored, because the request has credentials."""
    try:
        link = text(member(answer, "meta"), "next_page_link")
        pages = [] if link is None else parse_qs(urlsplit(link).query).get("page", [])
    except (Invalid, ValueError):
        link, pages = "", []
    if link is None:
        return None
    if not pages or re.fullmatch(r"[1-9][0-9]{0,5}", pages[0]) is None:
        raise FetchFailed("The provider's response does not contain the number of the next page.")
    return pages[0]
