"""After a round: every acknowledged act is looked at from outside, and counted where it does not stand."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from tests.failover.account_book import Act
from tests.failover.requests import Door
from tests.failover.stage import account_path, call_facts, open_link

#: A look at one act: what is wrong, or nothing.
Look = Callable[[Door, Act], str]


def _switch(door: Door, act: Act) -> str:
    shown = door.rest("GET", account_path(act.account, "/recording-switch"))
    if shown.status != 200 or shown.said["enabled"]:
        return f"the switch: {shown.status} {shown.body[:80]!r}"
    call = door.rest("PUT", account_path(act.account, f"/calls/after-{act.account}"), call_facts())
    return (
        "" if call.status == 200 and not call.said["decision"]["record"] else f"a call: {call.body[:120]!r}"
    )


def _erased(door: Door, act: Act) -> str:
    path = account_path(act.account, f"/recordings/{act.subject}")
    shown, audio = door.rest("GET", path), door.rest("GET", f"{path}/audio")
    listed = shown.status == 200 and shown.said["state"] not in {"erasing", "erased"}
    if audio.status in {200, 206}:
        return "plays"
    return f"is listed as {shown.said['state']}, audio {audio.status}" if listed else ""


def _restricted(door: Door, act: Act) -> str:
    audio = door.rest("GET", account_path(act.account, f"/recordings/{act.subject}/audio"))
    return f"plays with {audio.status}" if audio.status in {200, 206} else ""


def _objected(door: Door, act: Act) -> str:
    shown = door.rest("GET", account_path(act.account, f"/objections/{quote(act.subject, safe='')}"))
    call = f"/calls/after-{act.subject.strip('+')}"
    started = door.rest("PUT", account_path(act.account, call), call_facts(act.subject))
    if shown.status != 200:
        return f"the list answers {shown.status}"
    return (
        "" if started.status == 200 and not started.said["decision"]["record"] else "a call would be recorded"
    )


def _declined(door: Door, act: Act) -> str:
    shown = door.rest("GET", account_path(act.account, f"/calls/{act.subject}"))
    if shown.status == 404:
        shown = door.rest("PUT", account_path(act.account, f"/calls/{act.subject}"), call_facts())
    return (
        ""
        if shown.status == 200 and not shown.said["decision"]["record"]
        else f"{shown.status}: it would record"
    )


def _key(door: Door, act: Act) -> str:
    answer = door.rest("GET", account_path(act.account, "/recordings?limit=1"), key=act.more["key"])
    return "" if answer.status == 401 else f"the key opens with {answer.status}"


def _link(door: Door, act: Act) -> str:
    shared = act.more["shared"]
    opened = open_link(door, shared.page)
    if opened.status == 303:
        return "the link opens"
    audio = door.send("GET", f"{shared.session}/audio", headers={"Cookie": shared.cookie})
    return f"the session hears, {audio.status}" if audio.status in {200, 206} else ""


def _call_there(door: Door, act: Act) -> str:
    shown = door.rest("GET", account_path(act.account, f"/calls/{act.subject}"))
    return "" if shown.status == 200 else f"{act.subject} {shown.status}"


def _upload_there(door: Door, act: Act) -> str:
    shown = door.rest("GET", account_path(act.account, f"/recordings/{act.more['id']}"))
    return "" if shown.status == 200 else f"{act.more['id']} {shown.status}"


#: How each closing act is looked at, and what it is called when it does not stand.
CLOSED: Mapping[str, tuple[str, Look]] = {
    "switch off": ("off is on again", _switch),
    "erasure": ("erased is back", _erased),
    "restriction": ("restricted plays", _restricted),
    "objection": ("objection is gone", _objected),
    "decline": ("a no is gone", _declined),
    "key revoked": ("revoked key opens", _key),
    "link revoked": ("revoked link or session opens", _link),
}
#: What is lost with a database that lost its last seconds, unless it lies in the object store.
STANDING: Mapping[str, tuple[str, Look]] = {
    "call start": ("call starts lost", _call_there),
    "upload": ("uploads lost", _upload_there),
}


def wrong(door: Door, acts: Iterable[Act], look: Look) -> list[str]:
    """Return what does not stand of these acts."""
    return [found for act in acts if (found := look(door, act))]
