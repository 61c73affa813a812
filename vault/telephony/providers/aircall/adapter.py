"""Aircall: calls and their recordings, told by JSON whose only proof is a token inside it.

The token is compared before anything else of the body is believed. There is no signature, no timestamp
to hold a delivery to and no id of a delivery, so a repeated one is recognised by what it announces.

A call may have a recording and a voicemail; they are two recordings here, ``<call>/recording`` and
``<call>/voicemail``. Where one event carries both, the recording is announced: the voicemail comes in an
event of its own (``call.voicemail_left``), or is found in the list. ``call.hungup`` announces nothing,
for it is sent before the media exists; ``call.ended`` follows about half a minute later.

Media lies at pre-signed URLs of S3 that live for minutes, and whose query differs from event to event:
they are fetched without credentials, which S3 refuses beside a signature, and asked for again when they
have expired. Sources: developer.aircall.io, webhooks overview and API reference.
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
from vault.domain.calls.provider_api import Access, Listed, ListedPage, MediaRequest, RestReply, RestRequest
from vault.domain.calls.webhook import Delivery
from vault.errors import FetchFailed, Invalid, NotAuthentic
from vault.ports.telephony import CallDocuments, Credentials
from vault.telephony.parsing.json_fields import Json, check_fields, media, member, text
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.providers.aircall.events import (
    ASSETS,
    CALL_ID,
    ENDED,
    TELLING,
    VOICEMAIL,
    announced,
    call_id_of,
    facts_of,
    media_of,
)
from vault.telephony.rest_api.presigned import presigned
from vault.telephony.rest_api.replies import basic, reply_object, rest_base, rest_hosts

REST = "https://api.aircall.io"
HOSTS = ("api.aircall.io", "assets.aircall.io")
#: Aircall's buckets, in whatever region: ``production-fra-web.s3.eu-central-1.amazonaws.com``.
BUCKET = re.compile(r"production-[a-z0-9-]{1,63}\.s3\.[a-z0-9-]{1,32}\.amazonaws\.com")

EVENTS = (*TELLING, ENDED, ASSETS, VOICEMAIL)

REF = re.compile(r"([1-9][0-9]{0,19})/(recording|voicemail)")
PAGE = 50


@dataclass(frozen=True, slots=True)
class Aircall:
    """The provider ``aircall``. It has no state."""

    name: str = "aircall"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid unless there are exactly ``token`` (the webhook's), ``api_id`` and ``api_token``."""
        check_fields(credentials, ("token", "api_id", "api_token"))
        if ":" in credentials["api_id"]:
            raise Invalid("The api_id has no colon, which HTTP Basic could not carry.", field="api_id")

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless the body's ``token`` is the string that one connection secret is."""
        try:
            token = parse_object(delivery.body).get("token")
        except Invalid:
            token = None
        given = _digest(token if isinstance(token, str) else "")
        proven = False
        for known in [entry.get("token", "") for entry in credentials] or [""]:
            # Digests hide the length too; an empty secret is none, whatever was sent.
            proven |= hmac.compare_digest(given, _digest(known)) and known != ""
        if not proven:
            raise NotAuthentic("The delivery does not carry this connection's token.")

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Return what the event says; None for events that do not concern the vault. Raises Invalid."""
        event = parse_object(delivery.body)
        kind = event.get("event")
        if not isinstance(kind, str):
            raise Invalid("event names the event.", field="event")
        if kind not in EVENTS:
            return None
        data = event.get("data")
        if not isinstance(data, dict):
            raise Invalid("data is an object.", field="data")
        return WebhookContent(facts=facts_of(data, "data."), announcement=announced(kind, data))

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return a plain request to Aircall's hosts and buckets, without credentials."""
        return presigned(announcement, access, hosts=HOSTS, bucket=BUCKET)

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return ``GET /v1/calls/{id}``, whose answer carries fresh URLs."""
        match = REF.fullmatch(announcement.source_ref or "")
        return None if match is None else _request("GET", f"/v1/calls/{match[1]}", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with the URL of now.

        Raises FetchFailed: final where the call is gone, or where an unanswered call turns out to have a
        voicemail and never a recording; else to be tried again, because media may take a day.
        """
        match = REF.fullmatch(announcement.source_ref or "")
        try:
            call = member(reply_object(reply), "call")
            if match is None or call_id_of(call, "call.") != match[1]:
                raise FetchFailed("The provider told of another call.")
            url, voicemail = media(call, match[2], path="call."), media(call, "voicemail", path="call.")
        except Invalid:
            raise FetchFailed("The provider's answer is not a call.") from None
        if url is None:
            never = match[2] == "recording" and voicemail is not None and call.get("answered_at") is None
            raise FetchFailed("The provider has no such media of this call.", final=never)
        return replace(announcement, url=url)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return ``DELETE /v1/calls/{id}/recording`` or ``/voicemail``."""
        match = REF.fullmatch(source_ref)
        return None if match is None else _request("DELETE", f"/v1/calls/{match[0]}", access)

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the vault's copy is to be the only one."""
        return True

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return 25 hours: success is answered for media that may still take 24 to arrive."""
        return timedelta(hours=25)

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Return a page of the calls created since, oldest first; the cursor is a page number."""
        query = {"from": int(since.timestamp()), "order": "asc", "per_page": PAGE, "page": cursor or "1"}
        return _request("GET", f"/v1/calls?{urlencode(query)}", access)

    def listed(self, reply: RestReply) -> ListedPage:
        """Return what a page of calls has of media. Raises FetchFailed for an answer that is no list.

        A call that cannot be read is passed over, so that it does not hide the others.
        """
        answer = reply_object(reply)
        calls = answer.get("calls")
        if not isinstance(calls, list):
            raise FetchFailed("The provider's answer is not a list of calls.")
        items: list[Listed] = []
        for call in calls:
            with suppress(Invalid):
                facts = facts_of(member({"call": call}, "call"), "call.")
                items += [Listed(announcement=each, facts=facts) for each in media_of(call, "call.")]
        return ListedPage(items=items, cursor=_next_page(answer))

    @property
    def call_documents(self) -> CallDocuments | None:
        """Return None: Aircall asks nobody what to do with a call."""
        return None

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return ``POST /v1/calls/{id}/pause_recording``; None for what is no call of Aircall's.

        Aircall answers 204; 400 for a call that is over, and 405 where its number is not recorded.
        """
        if CALL_ID.fullmatch(call_ref) is None:
            return None
        return _request("POST", f"/v1/calls/{call_ref}/pause_recording", access)

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the port's signature
        """Return None: Aircall records by a setting of the number."""
        return None

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in Aircall's dashboard or send to its ``POST /v1/webhooks``."""
        return {
            "url": webhook_url,
            "method": "POST",
            "events": list(EVENTS),
            "token": (
                "Aircall makes the token. POST /v1/webhooks answers it; for a webhook made in the dashboard, "
                "GET /v1/webhooks shows it. It is all that proves a delivery, so keep it like a password."
            ),
            "retries": (
                "Aircall repeats what was not answered within 5 seconds, and switches a webhook off after "
                "many failures in a row: PUT /v1/webhooks/{id} with active true switches it on again."
            ),
            "recording": (
                "Whether calls are recorded is a setting of each number in Aircall. The vault refuses and "
                "deletes what must not be kept. With pause_refused on the connection it also asks Aircall to "
                "pause such a recording; what was recorded before that is deleted after the call."
            ),
            "delete_at_source": (
                "On by default. Once the vault has read back its own copy it deletes Aircall's, and again a "
                "day later, because Aircall answers success for media that has not arrived yet. This cannot "
                "be undone, and with AI Assist it deletes transcriptions and insights too. Caller, number, "
                "times and tags of the call stay at Aircall."
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
        # Aircall asks for it even where there is no body.
        headers["Content-Type"] = "application/json"
    return RestRequest(method=method, url=base + target, headers=headers, hosts=rest_hosts(base))


def _next_page(answer: Json) -> str | None:
    """Return the page number of ``next_page_link``. Its host is not followed: credentials go with it."""
    try:
        link = text(member(answer, "meta"), "next_page_link")
        pages = [] if link is None else parse_qs(urlsplit(link).query).get("page", [])
    except (Invalid, ValueError):
        link, pages = "", []
    if link is None:
        return None
    if not pages or re.fullmatch(r"[1-9][0-9]{0,5}", pages[0]) is None:
        raise FetchFailed("The provider's answer does not say which page is next.")
    return pages[0]
