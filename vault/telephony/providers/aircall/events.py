"""Parses calls, recordings and voicemails from Aircall's events and its list of calls.

The parameter ``path`` is the call's path for error messages: ``data.`` in an event, ``call.`` in a list.
"""

import re
from collections.abc import Mapping

from vault.domain.calls.call import Announcement, CallFacts, Direction
from vault.errors import Invalid
from vault.telephony.parsing.json_fields import Json, media, member, number, second, text, words

#: Events that announce media. The first two may arrive in any order, and twice.
ENDED, ASSETS, VOICEMAIL = "call.ended", "call.comm_assets_generated", "call.voicemail_left"
#: Events that only contain facts of the call. All other events are ignored.
FACTS_ONLY = (
    "call.created",
    "call.ringing_on_agent",
    "call.answered",
    "call.transferred",
    "call.external_transferred",
    "call.hungup",
)
DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}
CALL_ID = re.compile(r"[1-9][0-9]{0,19}")
#: The URL of Aircall's login-protected page of a call's media. It shows the kind of media; it is not audio.
ASSET = re.compile(r"/calls/[0-9]+/(recording|voicemail)(?:/|$)")


def call_id_of(call: Json, path: str) -> str:
    """Return the call's id as text, for use as a key; in all known payloads it is a number. Raises Invalid."""
    value = call.get("id")
    written = str(value) if isinstance(value, int | str) else ""
    if CALL_ID.fullmatch(written) is None:
        raise Invalid(f"{path}id must be a positive integer.", field=f"{path}id")
    return written


def facts_of(call: Json, path: str) -> CallFacts:
    """Parse the facts of a call object. Raises Invalid, naming the field."""
    call_id, direction = call_id_of(call, path), text(call, "direction", path=path)
    if direction is not None and direction not in DIRECTIONS:
        raise Invalid(f"{path}direction must be inbound or outbound.", field=f"{path}direction")
    # ``user`` is absent, not null, if nobody answered the call.
    user, line = member(call, "user", path=path), member(call, "number", path=path)
    theirs = number(call, "raw_digits", path=path)
    written = number(line, "digits", path=f"{path}number.")
    ours = number(line, "e164_digits", path=f"{path}number.") or written
    caller, callee = (ours, theirs) if direction == "outbound" else (theirs, ours)
    return CallFacts(
        call_ref=call_id,
        direction=None if direction is None else DIRECTIONS[direction],
        caller=None if direction is None else caller,
        callee=None if direction is None else callee,
        started_at=second(call, "started_at", path=path),
        answered_at=second(call, "answered_at", path=path),
        ended_at=second(call, "ended_at", path=path),
        agent=words(user, "name", path=f"{path}user."),
    )


def parse_announcement(kind: str, data: Json) -> Announcement | None:
    """Return the event's announcement: the recording before the voicemail, and media without a URL last."""
    ready = {each.recording_ref.partition("/")[2]: each for each in media_of(data, "data.")}
    call_id, asset = call_id_of(data, "data."), ASSET.search(text(data, "asset", path="data.") or "")
    if kind in FACTS_ONLY:
        return None
    if kind == VOICEMAIL:
        return ready.get("voicemail") or _named(call_id, "voicemail", None)
    if ready:
        return next(iter(ready.values()))
    if asset is not None:
        return _named(call_id, asset[1], None)
    if kind == ASSETS:
        missed = text(data, "missed_call_reason", path="data.") is not None
        return _named(call_id, "voicemail" if missed else "recording", None)
    # The call was not recorded, or the ASSETS event will announce its recording.
    return None


def media_of(call: Json, path: str) -> list[Announcement]:
    """Return the media whose URL the call object contains, the recording first."""
    call_id = call_id_of(call, path)
    urls = {name: media(call, name, path=path) for name in ("recording", "voicemail")}
    return [_named(call_id, name, url) for name, url in urls.items() if url is not None]


def _named(call_id: str, name: str, url: str | None) -> Announcement:
    """Build the announcement of a call's recording or voicemail. The channels of a recording are not documented."""
    ref, left = f"{call_id}/{name}", name == "voicemail"
    return Announcement(
        recording_ref=ref,
        url=url,
        source_ref=ref,
        kind="voicemail" if left else "call",
        voices=("caller",) if left else (),
    )
