"""Twilio's REST API, version 2010-04-01: fetch, list and delete the recordings of one account.

A recording that is known only by its id or path gets a URL without scheme and host; ``media_request`` adds the
origin. So an announcement does not depend on the connection's origin at the time it was made.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from vault.domain.calls.call import Announcement, CallFacts, Voice
from vault.domain.calls.provider_api import Listed, ListedPage, MediaRequest, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid
from vault.telephony.http.url import MediaUrl, parse_media_url
from vault.telephony.rest_api.replies import basic, reply_object, rest_hosts
from vault.telephony.twilio_api.events import REF, SECONDS, moment, voices_of

#: Recordings on a page: some tens of thousands of bytes.
PAGE_SIZE = 50
#: A path that cannot change the host: a single slash at the start, then printable ASCII.
PATH = re.compile(r"/[0-9A-Za-z][!-\[\]-~]{0,2000}")
EXTENSIONS = (".wav", ".mp3")

#: Statuses of recordings that will never be available.
NEVER = frozenset({"deleted", "absent", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rest:
    """One account at one origin. It has no repr: it contains the credentials."""

    #: Scheme and host, without a slash at the end.
    origin: str
    #: The path prefix before ``/Accounts``.
    prefix: str
    account: str
    password: str

    def request(self, method: str, path: str) -> RestRequest:
        """Build a request to ``path``. Raises FetchFailed, final, for an invalid origin."""
        return RestRequest(
            method=method,
            url=self.origin + path,
            headers=self.basic() | {"accept": "application/json"},
            hosts=rest_hosts(self.origin),
        )

    def recording(self, source_ref: str) -> str:
        """Return the path of a recording, without extension. Raises FetchFailed, final, for a malformed id."""
        if REF.fullmatch(source_ref) is None:
            raise FetchFailed("The recording's id does not have the provider's format.", final=True)
        return f"{self.prefix}/Accounts/{self.account}/Recordings/{source_ref}"

    def start_recording(self, call_ref: str, status_url: str) -> RestRequest:
        """Build the request that starts a two-channel recording of both parties. Raises FetchFailed, final."""
        if REF.fullmatch(call_ref) is None:
            raise FetchFailed("The call's id does not have the provider's format.", final=True)
        form = {
            "RecordingChannels": "dual",
            "RecordingTrack": "both",
            "Trim": "do-not-trim",
            "RecordingStatusCallback": status_url,
            "RecordingStatusCallbackMethod": "POST",
            "RecordingStatusCallbackEvent": "completed absent",
        }
        request = self.request(
            "POST", f"{self.prefix}/Accounts/{self.account}/Calls/{call_ref}/Recordings.json"
        )
        headers = {**request.headers, "content-type": "application/x-www-form-urlencoded"}
        return replace(request, headers=headers, body=urlencode(form).encode("ascii"))

    def change_recording(self, call_ref: str, form: Mapping[str, str]) -> RestRequest | None:
        """Build the request that pauses the recording that runs, or lets it go on; None for a malformed id."""
        if REF.fullmatch(call_ref) is None:
            return None
        path = f"{self.prefix}/Accounts/{self.account}/Calls/{call_ref}/Recordings/Twilio.CURRENT.json"
        request = self.request("POST", path)
        headers = {**request.headers, "content-type": "application/x-www-form-urlencoded"}
        return replace(request, headers=headers, body=urlencode(form).encode("ascii"))

    def list_path(self, since: datetime, cursor: str | None) -> str:
        """Return the path of a page: the first from the day of ``since`` on, or the path in ``cursor``."""
        accounts = f"{self.prefix}/Accounts/{self.account}/Recordings"
        if cursor is None:
            day = since.astimezone(UTC).date().isoformat()
            return f"{accounts}.json?DateCreated%3E={day}&PageSize={PAGE_SIZE}"
        if PATH.fullmatch(cursor) is None or not cursor.startswith(accounts):
            raise FetchFailed("The path of the next page is not one of this account.", final=True)
        return cursor

    def basic(self) -> dict[str, str]:
        """Build the header of HTTP Basic authentication."""
        return {"authorization": basic(self.account, self.password)}

    def media_request(
        self,
        announcement: Announcement,
        *,
        is_own: Callable[[MediaUrl], bool],
        hosts: tuple[str, ...],
        both_channels: bool = False,
    ) -> MediaRequest:
        """Build the request for the audio as WAV. Raises FetchFailed, final, without a valid URL.

        Credentials are sent to the origin, and to URLs for which ``is_own`` is true.
        ``both_channels`` requests a two-channel recording unmixed.
        """
        url = announcement.url
        if url is None and announcement.source_ref is not None:
            url = self.recording(announcement.source_ref)
        if url is None:
            raise FetchFailed("The announcement has no URL.", final=True)
        if PATH.fullmatch(url) is not None:
            url = self.origin + url
        origin, parsed = _parsed(self.origin), _parsed(url)
        beginning, question, query = url.partition("?")
        if not beginning.endswith(EXTENSIONS):
            beginning += ".wav"
        if both_channels and not query:
            question, query = "?", "RequestedChannels=2"
        known = (parsed.scheme, parsed.host, parsed.port) == (origin.scheme, origin.host, origin.port)
        return MediaRequest(
            url=beginning + question + query,
            headers=self.basic() if known or is_own(parsed) else {},
            hosts=tuple(dict.fromkeys((*hosts, origin.host))),
        )


def has_status(reply: RestReply, status: str) -> bool:
    """Return whether a response says that a recording has this status."""
    try:
        return reply_object(reply).get("status") == status
    except FetchFailed:
        return False


def found(announcement: Announcement, reply: RestReply) -> Announcement:
    """Update the announcement from the recording's metadata. Raises FetchFailed."""
    recording = reply_object(reply)
    status = recording.get("status")
    if recording.get("sid") != announcement.source_ref or not isinstance(status, str):
        raise FetchFailed("The provider's response is not about this recording.")
    if status in NEVER:
        raise FetchFailed("The provider no longer has the recording.", final=True)
    if status != "completed":
        raise FetchFailed("The provider does not have the recording yet.")
    return replace(
        announcement,
        url=_url(recording) or announcement.url,
        voices=announcement.voices or _voices(recording),
    )


def listed(reply: RestReply, *, prefix: str) -> ListedPage:
    """Return the finished recordings of a page. Raises FetchFailed if the response is not a list.

    An entry without a recording or call id is skipped, so that it does not hide the others.
    """
    page = reply_object(reply)
    recordings, following = page.get("recordings"), page.get("next_page_uri") or None
    if not isinstance(recordings, list):
        raise FetchFailed("The provider's response is not a list of recordings.")
    if following is not None and not (
        isinstance(following, str)
        and PATH.fullmatch(following)
        and following.startswith(f"{prefix}/Accounts/")
    ):
        raise FetchFailed("The path of the provider's next page is not one of its API.")
    entries = [_listed(entry) for entry in recordings if isinstance(entry, dict)]
    return ListedPage(items=[entry for entry in entries if entry is not None], cursor=following)


def _listed(recording: Mapping[str, object]) -> Listed | None:
    sid, call = recording.get("sid"), recording.get("call_sid") or recording.get("conference_sid")
    if recording.get("status") != "completed" or not _is_ref(sid) or not _is_ref(call):
        return None
    started = _moment(recording, "start_time") or _moment(recording, "date_created")
    seconds = str(recording.get("duration"))
    length = timedelta(seconds=int(seconds)) if SECONDS.fullmatch(seconds) else None
    return Listed(
        announcement=Announcement(
            recording_ref=str(sid),
            url=_url(recording),
            source_ref=str(sid),
            kind="voicemail" if recording.get("source") == "RecordVerb" else "call",
            voices=_voices(recording),
        ),
        facts=CallFacts(
            call_ref=str(call),
            started_at=started,
            ended_at=started + length if started and length is not None else None,
        ),
    )


def _is_ref(value: object) -> bool:
    return isinstance(value, str) and REF.fullmatch(value) is not None


def _voices(recording: Mapping[str, object]) -> tuple[Voice, ...]:
    source, track = recording.get("source"), recording.get("track")
    return voices_of(
        str(recording.get("channels")),
        source if isinstance(source, str) else None,
        track if isinstance(track, str) else None,
    )


def _url(recording: Mapping[str, object]) -> str | None:
    """Return the media's URL: ``media_url``, or the metadata's path without ``.json``."""
    media_url, uri = recording.get("media_url"), recording.get("uri")
    if isinstance(media_url, str):
        try:
            parse_media_url(media_url)
        except ValueError:
            pass
        else:
            return media_url
    if isinstance(uri, str) and PATH.fullmatch(uri):
        return uri.partition("?")[0].removesuffix(".json")
    return None


def _moment(recording: Mapping[str, object], name: str) -> datetime | None:
    value = recording.get(name)
    try:
        return moment(value, field=name) if isinstance(value, str) else None
    except Invalid:
        return None


def _parsed(url: str) -> MediaUrl:
    try:
        return parse_media_url(url)
    except ValueError:
        raise FetchFailed("The media URL is invalid.", final=True) from None
