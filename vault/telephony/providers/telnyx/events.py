"""Parses call legs and recordings from Telnyx's events and lists (Call Control, API v2).

The parameter ``path`` is the object's path for error messages: ``data.payload.`` in an event, ``data.`` in a list.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from vault.domain.calls.call import Announcement, CallFacts, Direction, Voice
from vault.errors import FetchFailed, Invalid
from vault.rfc3339 import write_rfc3339_unchanged
from vault.telephony.parsing.json_fields import Json, media, member, moment, number, ref, text
from vault.telephony.parsing.timestamps import from_rfc3339

INITIATED, ANSWERED, HANGUP = "call.initiated", "call.answered", "call.hangup"
DIRECTIONS: Mapping[str, Direction] = {"incoming": "inbound", "outgoing": "outbound"}

#: A recording's id in the REST API; it has no equals sign, unlike the other source_refs.
RECORDING_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_:.-]{0,199}")
#: Lossless first. For a recording in the customer's own bucket, the URL is not an http URL.
FORMATS = ("wav", "mp3")
PATH = "data.payload."


def parse_call_event(kind: str, payload: Json, occurred_at: datetime | None) -> CallFacts:
    """Parse the facts of a leg's event. Only ``occurred_at`` contains the time of the answer or the end."""
    started_at, ended_at = (moment(payload, f"{word}_time", path=PATH) for word in ("start", "end"))
    if (leg := ref(payload, "call_leg_id", path=PATH)) is None:
        raise Invalid(f"{PATH}call_leg_id is required.", field=f"{PATH}call_leg_id")
    return CallFacts(
        call_ref=leg,
        direction=_direction(payload, PATH),
        caller=number(payload, "from", path=PATH),
        callee=number(payload, "to", path=PATH),
        started_at=started_at or (occurred_at if kind == INITIATED else None),
        answered_at=occurred_at if kind == ANSWERED else None,
        ended_at=(ended_at or occurred_at) if kind == HANGUP else None,
    )


def parse_recording_facts(recording: Json, path: str) -> CallFacts:
    """Parse the call facts of a recording. The times are the recording's; call events are more exact."""
    started_at, ended_at = (moment(recording, f"{word}_time", path=path) for word in ("start", "end"))
    return CallFacts(
        call_ref=_call(recording, path)[1],
        direction=_direction(recording, path),
        caller=number(recording, "from", path=path),
        callee=number(recording, "to", path=path),
        started_at=started_at or moment(recording, "recording_started_at", path=path),
        ended_at=ended_at or moment(recording, "recording_ended_at", path=path),
    )


def parse_announcement(
    recording: Json, path: str, recording_id: str | None, urls: str, delivery_id: str | None
) -> Announcement:
    """Build the announcement: its ref is the recording's id, or else its call and start time."""
    if recording_id is not None and RECORDING_ID.fullmatch(recording_id) is None:
        raise Invalid(f"{path}recording_id must be an id.", field=f"{path}recording_id")
    (name, call), started_at = _call(recording, path), moment(recording, "recording_started_at", path=path)
    when = delivery_id if started_at is None else write_rfc3339_unchanged(started_at)
    if recording_id is None and when is None:
        raise Invalid(f"{path}recording_id is required.", field=f"{path}recording_id")
    return Announcement(
        recording_ref=recording_id or f"{call}/{when}",
        url=media_url(recording, urls, path),
        source_ref=recording_id or f"{name}={call}",
        voices=_voices(text(recording, "channels", path=path), _direction(recording, path)),
    )


def media_url(recording: Json, key: str, path: str) -> str | None:
    """Return the URL of the best format under ``key``; None if there is no http URL. Raises Invalid."""
    urls = member(recording, key, path=path)
    for name in FORMATS:
        written = text(urls, name, path=f"{path}{key}.") or ""
        if written.lower().startswith(("https:", "http:")):
            return media(urls, name, path=f"{path}{key}.")
    return None


def find_recording(recording_ref: str, recordings: Sequence[object]) -> object:
    """Return the call's recording with the announced start time. Raises FetchFailed unless there is exactly one."""
    listed = [member({"data": each}, "data") for each in recordings]
    try:
        began = from_rfc3339(recording_ref.rpartition("/")[2], field="recording_ref")
    except Invalid:
        fitting = listed
    else:
        # The event has microseconds; the list is rounded.
        times = [(moment(each, "recording_started_at"), each) for each in listed]
        fitting = [each for at, each in times if at is not None and abs(at - began) <= timedelta(seconds=1)]
    if len(fitting) != 1:
        raise FetchFailed("The provider's list does not contain exactly one recording with this start time.")
    return fitting[0]


def _call(recording: Json, path: str) -> tuple[str, str]:
    """Return the field that identifies the recording's call, and its value."""
    names = ["call_leg_id", "conference_id", "call_session_id"]
    if recording.get("source") == "conference":
        # For a conference, the list also contains a leg's id; the event does not.
        names.sort(key=lambda name: name != "conference_id")
    for name in names:
        if (value := ref(recording, name, path=path)) is not None:
            return name, value
    raise Invalid(f"{path}call_leg_id is required.", field=f"{path}call_leg_id")


def _direction(payload: Json, path: str) -> Direction | None:
    word = text(payload, "direction", path=path)
    if word is not None and word not in DIRECTIONS:
        raise Invalid(f"{path}direction must be incoming or outgoing.", field=f"{path}direction")
    return None if word is None else DIRECTIONS[word]


def _voices(channels: str | None, direction: Direction | None) -> tuple[Voice, ...]:
    """Return the voice of each channel: channel A is the first leg, which is the caller only for inbound calls."""
    if channels == "dual":
        return ("caller", "callee") if direction == "inbound" else ("unknown", "unknown")
    return ("all",) if channels == "single" else ()
