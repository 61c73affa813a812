"""What Aircall's events and its list say of calls, their recordings and their voicemails.

``path`` in a signature is where the call stands, as errors name it: ``data.`` in an event, ``call.`` in a list.
"""

import re
from collections.abc import Mapping

from vault.domain.calls.call import Announcement, CallFacts, Direction
from vault.errors import Invalid
from vault.telephony.parsing.json_fields import Json, media, member, number, second, text, words

#: Events that announce media. The first two may come in any order, and twice.
ENDED, ASSETS, VOICEMAIL = "call.ended", "call.comm_assets_generated", "call.voicemail_left"
#: Events that only tell of the call. All others concern nobody.
TELLING = (
    "call.created",
    "call.ringing_on_agent",
    "call.answered",
    "call.transferred",
    "call.external_transferred",
    "call.hungup",
)
DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}
CALL_ID = re.compile(r"[1-9][0-9]{0,19}")
#: The page behind Aircall's login that shows what kind of media a call has; it is no audio.
ASSET = re.compile(r"/calls/[0-9]+/(recording|voicemail)(?:/|$)")


def call_id_of(call: Json, path: str) -> str:
    """Return the id, a number in all payloads that were seen, as the text that rows are keyed on."""
    value = call.get("id")
    written = str(value) if isinstance(value, int | str) else ""
    if CALL_ID.fullmatch(written) is None:
        raise Invalid(f"{path}id is a positive number.", field=f"{path}id")
    return written


def facts_of(call: Json, path: str) -> CallFacts:
    """Return what a call object says of its call. Raises Invalid, naming the field."""
    call_id, direction = call_id_of(call, path), text(call, "direction", path=path)
    if direction is not None and direction not in DIRECTIONS:
        raise Invalid(f"{path}direction is inbound or outbound.", field=f"{path}direction")
    # Absent, not null, when nobody took the call.
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


def announced(kind: str, data: Json) -> Announcement | None:
    """Return what the event announces: the recording first, and media whose URL must be asked for last."""
    ready = {each.recording_ref.partition("/")[2]: each for each in media_of(data, "data.")}
    call_id, asset = call_id_of(data, "data."), ASSET.search(text(data, "asset", path="data.") or "")
    if kind in TELLING:
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
    # It was not recorded, or its recording comes with the event about assets.
    return None


def media_of(call: Json, path: str) -> list[Announcement]:
    """Return the media whose URL the call object carries, the recording first."""
    call_id = call_id_of(call, path)
    urls = {name: media(call, name, path=path) for name in ("recording", "voicemail")}
    return [_named(call_id, name, url) for name, url in urls.items() if url is not None]


def _named(call_id: str, name: str, url: str | None) -> Announcement:
    """Return one of a call's two media. Who is on which channel of a recording is not documented."""
    ref, left = f"{call_id}/{name}", name == "voicemail"
    return Announcement(
        recording_ref=ref,
        url=url,
        source_ref=ref,
        kind="voicemail" if left else "call",
        voices=("caller",) if left else (),
    )
