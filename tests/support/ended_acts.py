"""Every act that ends a right, and for each permission from before: dead afterwards, or why it lives on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from sqlalchemy import update

from tests.support.console import OWN
from tests.support.ended_rights import NUMBER, Scene
from tests.support.tenant import PATIENCE, moment
from tests.support.web_house import AUDIO
from vault.database.schema.approvals import approvals
from vault.database.schema.requests import person_requests

LINKS: Final = frozenset(
    {"link", "link's session", "media link", "media link, opened", "doorway", "link that says legal claims"}
)
LEGAL: Final = frozenset({"link for legal claims"})
SIGNED: Final = frozenset(
    {
        "signed link", "signed link by ref", "signed media link", "signed link, opened", "signed link's session",
        "signed media link, opened", "signed link of a twin",
    }
)  # fmt: skip
HEARD: Final = frozenset({"console session, heard", "person, heard"})
LISTENS: Final = frozenset({"console session, listens", "person, listens"})
PAGES: Final = frozenset({"console session", "person"})
PERSON: Final = frozenset({"person", "person, listens", "person, heard"})
SESSION: Final = frozenset({"console session", "console session, listens", "console session, heard"})
KEY, PACKAGE, APPROVAL = (frozenset({name}) for name in ("API key", "package", "approval"))
ALL: Final = LINKS | LEGAL | SIGNED | HEARD | LISTENS | PAGES | KEY | PACKAGE | APPROVAL

#: Why a permission lives on.
OTHER: Final = "it is another permission than the one that ends"
ASKED: Final = "what it may do is asked at each request, and nothing of that has changed"
NEW: Final = "it makes a new permission, by what its holder may do now"
COPY: Final = "the answer to a person's request is the person's own copy"
CLAIM: Final = "its creator had the right and said the claim (GDPR article 18(2))"
COMES: Final = "the act is about what comes afterwards"
OTHERS: Final = "what somebody gave to others stays until it is revoked"
NARROW: Final = "narrower limits of a key count for what is opened afterwards"
HELD: Final = "what a hold keeps can be exported with an API key"


@dataclass(frozen=True)
class Act:
    """An act, what it ends, and why the rest lives on."""

    do: Callable[[Scene], None]
    dead: frozenset[str]
    alive: Mapping[str, frozenset[str]]


def _ended(do: Callable[[Scene], None], dead: frozenset[str], *alive: tuple[str, frozenset[str]]) -> Act:
    return Act(do, dead, dict(alive))


def _sent(scene: Scene, method: str, path: str, body: Any = None) -> httpx.Response:
    answer = scene.tenant.http.request(method, scene.tenant.url(path), json=body)
    assert answer.is_success, f"{method} {path}: {answer.text}"
    return answer


def _send(method: str, path: str, body: Any = None) -> Callable[[Scene], None]:
    """Return an act that sends a request; the path and texts of the body may name ids of the scene."""

    def do(scene: Scene) -> None:
        names = scene.ids | {"recording": scene.recording}
        filled = body
        if isinstance(body, dict):
            filled = {key: one.format(**names) if isinstance(one, str) else one for key, one in body.items()}
        _sent(scene, method, path.format(**names), filled)

    return do


def _revoke_key(name: str) -> Callable[[Scene], None]:
    def do(scene: Scene) -> None:
        assert scene.tenant.http.delete(f"/v1/keys/{scene.keys[name][0]}").is_success

    return do


def _lifted(scene: Scene) -> None:
    _sent(scene, "PUT", f"/recordings/{scene.recording}/restriction", {})
    _sent(scene, "DELETE", f"/recordings/{scene.recording}/restriction")


def _withdrawn(scene: Scene) -> None:
    said = {"party": "caller", "event": "withdrawn", "method": "form", "at": moment(datetime.now(UTC))}
    _sent(scene, "POST", "/calls/call-1/consent", said)


def _narrowed(scene: Scene) -> None:
    challenge = _sent(scene, "POST", "/link-key-challenges").json()["challenge"]
    limits = {"kinds": ["player", "media"], "networks": ["10.0.0.0/8"], "download": True}
    _sent(scene, "PUT", "/link-keys/crm", scene.minter.registration(challenge, **limits))


def _change(scene: Scene, said: Any) -> None:
    """Change a row behind everybody's back: time passes."""
    node = scene.nodes[0]
    node.call(node.vault.database.write, lambda tx: tx.connection.execute(said) and None)


def _closed(scene: Scene) -> None:
    """Close the account, of which a hold keeps the recording."""
    _sent(scene, "POST", "/holds", {"name": "h", "reason": "r", "covers": {"recordings": [scene.recording]}})
    _sent(scene, "POST", "/closure", {"reason": "r", "export": False})
    over = update(person_requests).where(person_requests.c.kind == "closure")
    _change(scene, over.values(due_at=datetime.now(UTC) - timedelta(days=1)))
    deadline = datetime.now(UTC) + timedelta(seconds=2 * PATIENCE)
    # It has begun, and has erased the calls whose erasure would be approved.
    while any(
        scene.tenant.http.get(scene.tenant.url(f"/calls/waits-{n}")).is_success
        for n in range(len(scene.nodes))
    ):
        assert datetime.now(UTC) < deadline


def _expired(scene: Scene) -> None:
    mine = update(approvals).where(approvals.c.account_id == scene.tenant.id)
    _change(scene, mine.values(approve_by=datetime.now(UTC) - timedelta(days=1)))


def _vetoed(scene: Scene) -> None:
    for one in scene.ids["approvals"].split():
        _sent(scene, "POST", f"/approvals/{one}", {"decision": "veto"})


def _more_to_erase(scene: Scene) -> None:
    """Upload a recording to each call whose erasure waits."""
    for number in range(len(scene.nodes)):
        assert scene.tenant.put(AUDIO, call=f"waits-{number}", ref=f"late-{number}").status_code == 201


def _decided(kind: str, code: str) -> Callable[[Scene], None]:
    """Return an act that carries out a person's request."""

    def do(scene: Scene) -> None:
        now = moment(datetime.now(UTC) - timedelta(minutes=1))
        wanted = {"kind": kind, "regime": "gdpr", "reference": kind, "received_at": now}
        wanted |= {"identities": [{"type": "number", "value": NUMBER}]}
        request = f"/requests/{_sent(scene, 'POST', '/requests', wanted).json()['id']}"
        _sent(scene, "POST", f"{request}/verification", {"method": "callback", "at": now})
        _sent(scene, "POST", f"{request}/decision", {"code": code})
        deadline = time.monotonic() + PATIENCE
        while (state := _sent(scene, "GET", request).json()["state"]) != "fulfilled":
            assert time.monotonic() < deadline, state
            time.sleep(0.05)

    return do


def _signed_out(scene: Scene) -> None:
    http = httpx.Client(base_url=scene.nodes[0].url, headers=OWN, cookies=scene.cookies["console session"])
    with http:
        assert http.post("/console/sign-out").status_code == 303


def _role_taken(scene: Scene) -> None:
    body = {"issuer": "https://idp.example", "client_id": "c", "roles": []}
    _sent(scene, "PUT", "/sign-in-connections/main", body)


_LINK = _send("DELETE", "/recordings/{recording}/links/{opened link}")
_OF_THE_RECORDING = _send("POST", "/links/revocation", {"recording": "{recording}"})
_RESTRICT = _send("PUT", "/recordings/{recording}/restriction", {})
_NOT_LINKS: Final = ((ASKED, PAGES | KEY | APPROVAL), (NEW, LISTENS), (COPY, PACKAGE))
_PLAYED: Final = LINKS | LEGAL | SIGNED | HEARD
_RESTRICTED: Final = ((CLAIM, LEGAL), (ASKED, PAGES | APPROVAL), (COPY, PACKAGE))

ACTS: Final[Mapping[str, Act]] = {
    "a link is revoked": _ended(_LINK, frozenset({"link's session"}), (OTHER, ALL - {"link's session"})),
    "links of the recording are revoked": _ended(_OF_THE_RECORDING, _PLAYED, *_NOT_LINKS),
    "links of the account are revoked": _ended(_send("POST", "/links/revocation", {}), _PLAYED, *_NOT_LINKS),
    "links of a listener are revoked": _ended(
        _send("POST", "/links/revocation", {"listener": "Ada"}), _PLAYED - HEARD, (OTHER, HEARD), *_NOT_LINKS
    ),
    "links of a key are cut": _ended(
        _send("POST", "/link-cuts", {"key": "crm"}), SIGNED, (OTHER, ALL - SIGNED)
    ),
    "links of the recording are cut": _ended(
        _send("POST", "/link-cuts", {"recording": "{recording}"}), _PLAYED, *_NOT_LINKS
    ),
    "links of a listener are cut": _ended(
        _send("POST", "/link-cuts", {"listener": "Ada"}), _PLAYED - HEARD, (OTHER, HEARD), *_NOT_LINKS
    ),
    "all links are cut": _ended(_send("POST", "/link-cuts", {}), _PLAYED, *_NOT_LINKS),
    "one signed link is cut": _ended(
        _send("POST", "/link-cuts", {"jti": "{jti}"}),
        frozenset({"signed link, opened", "signed link's session"}),
        (OTHER, ALL - {"signed link, opened", "signed link's session"}),
    ),
    "the recording is restricted": _ended(_RESTRICT, ALL - LEGAL - PAGES - APPROVAL - PACKAGE, *_RESTRICTED),
    "a party withdraws": _ended(_withdrawn, ALL - LEGAL - PAGES - APPROVAL - PACKAGE, *_RESTRICTED),
    "a person's request restricts": _ended(
        _decided("restriction", "restricted"), ALL - LEGAL - PAGES - APPROVAL - PACKAGE, *_RESTRICTED
    ),
    "a person's request erases": _ended(
        _decided("erasure", "erased"), ALL - PAGES - APPROVAL, (ASKED, PAGES | APPROVAL)
    ),
    "a restriction is lifted": _ended(_lifted, _PLAYED - LEGAL, (CLAIM, LEGAL), *_NOT_LINKS),
    "a number objects": _ended(_send("PUT", "/objections/+14155550142", {}), frozenset(), (COMES, ALL)),
    "recording is switched off": _ended(
        _send("PUT", "/recording-switch", {"enabled": False}), frozenset(), (COMES, ALL)
    ),
    "the recording is erased": _ended(
        _send("DELETE", "/recordings/{recording}"), ALL - PAGES - APPROVAL, (ASKED, PAGES | APPROVAL)
    ),
    "the account is closed": _ended(
        _closed, _PLAYED | LISTENS | APPROVAL, (HELD, KEY), (ASKED, PAGES), (COPY, PACKAGE)
    ),
    "a member is removed": _ended(_send("POST", "/members/{person}/removal"), PERSON, (OTHER, ALL - PERSON)),
    "a sign-in connection is deleted": _ended(
        _send("DELETE", "/sign-in-connections/main"), PERSON, (OTHER, ALL - PERSON)
    ),
    "a role is taken": _ended(_role_taken, PERSON, (OTHER, ALL - PERSON)),
    "all sessions of a person are ended": _ended(
        _send("DELETE", "/members/{person}/console-sessions"), PERSON, (OTHER, ALL - PERSON)
    ),
    "a person's session is ended": _ended(
        _send("DELETE", "/console-sessions/{person session}"), PERSON, (OTHER, ALL - PERSON)
    ),
    "a key's session is ended": _ended(
        _send("DELETE", "/console-sessions/{console session}"), SESSION, (OTHER, ALL - SESSION)
    ),
    "somebody signs out": _ended(_signed_out, SESSION, (OTHER, ALL - SESSION)),
    "the key of a console session is revoked": _ended(
        _revoke_key("console"), SESSION, (OTHER, ALL - SESSION)
    ),
    "the key that downloads is revoked": _ended(_revoke_key("reader"), KEY, (OTHER, ALL - KEY)),
    "the key that made links is revoked": _ended(
        _revoke_key("sharer"), frozenset(), (OTHERS, LINKS), (OTHER, ALL - LINKS)
    ),
    "a key that signs links is deleted": _ended(
        _send("DELETE", "/link-keys/crm"), SIGNED, (OTHER, ALL - SIGNED)
    ),
    "a key that signs links is narrowed": _ended(
        _narrowed,
        SIGNED - {"signed link's session", "signed link of a twin"},
        (NARROW, frozenset({"signed link's session"})),
        (OTHER, ALL - SIGNED | {"signed link of a twin"}),
    ),
    "an approval is vetoed": _ended(_vetoed, APPROVAL, (OTHER, ALL - APPROVAL)),
    "an approval expires": _ended(_expired, APPROVAL, (OTHER, ALL - APPROVAL)),
    "what was shown for approval has changed": _ended(_more_to_erase, APPROVAL, (OTHER, ALL - APPROVAL)),
    "the key that asked is revoked": _ended(_revoke_key("asker"), APPROVAL, (OTHER, ALL - APPROVAL)),
    "the key that would approve is revoked": _ended(
        _revoke_key("approver"), APPROVAL, (OTHER, ALL - APPROVAL)
    ),
    "the connection to a platform is deleted": _ended(
        _send("DELETE", "/connections/main"), frozenset(), (COMES, ALL)
    ),
}
