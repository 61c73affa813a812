"""What a key gives away, at every door that gives something: never more than it has."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.door_bodies import CONNECTION, POLICY
from tests.support.link_minter import Minter
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.domain.accounts.account import SCOPES, Scope
from vault.domain.accounts.roles import ROLES, SCOPES_OF_ROLE, Role
from vault.domain.audit_log.grantors import GRANTORS, GrantorName

pytestmark = pytest.mark.faults

#: Why a kind of permission is not made below.
ELSEWHERE: Final[dict[GrantorName, str]] = {
    "session": "who holds a link opens it, and gets less than the link: tests/web/test_sessions.py",
    "console_session": "it has the scopes of its key or its roles: tests/web/console/test_here.py",
    "package": "the worker makes it of a decided request: tests/services/requests/test_package_contents.py",
}
#: Of a member that is not there: who may readmit one learns that.
NOBODY: Final = "per_nobody"
Ask = Callable[[httpx.Client, "Scene"], httpx.Response]


@dataclass
class Scene:
    """An account in which something can be given away."""

    tenant: Tenant
    recording: str
    restricted: str
    quarantined: str
    #: A key that was made beside those that approve, not by them and not of them.
    asker: httpx.Client
    minters: list[Minter] = field(default_factory=list)

    def registration(self) -> dict[str, Any]:
        """Return what registers the account's one key that signs links, or changes it."""
        if not self.minters:
            self.minters.append(Minter())
        challenge = self.tenant.http.post(self.tenant.url("/link-key-challenges")).json()["challenge"]
        return self.minters[0].registration(challenge)


@dataclass(frozen=True)
class Way:
    """One thing to give, at one door."""

    kind: GrantorName
    what: str
    gives: frozenset[Scope]
    ask: Ask
    #: The status of who may give it.
    good: int
    console: bool = False


def _api_key(scope: Scope) -> Iterator[Way]:
    body, gives = {"name": "k", "scopes": [scope]}, frozenset({scope})
    yield Way("api_key", scope, gives, lambda http, _: http.post("/v1/keys", json=body), 201)
    form = {"title": "k", "scopes": scope}
    yield Way(
        "api_key", scope, gives, lambda http, s: posted(http, s, "/access/keys", form), 200, console=True
    )


def _role(role: Role) -> Iterator[Way]:
    gives, provider = SCOPES_OF_ROLE[role], {"issuer": "https://idp.example", "client_id": "c"}
    body = provider | {"roles": [{"value": "v", "role": role}]}
    path = f"/sign-in-connections/{role}"
    yield Way("role", role, gives, lambda http, s: http.put(s.tenant.url(path), json=body), 200)
    form = provider | {"title": role, "authentication": "none", "scopes": "openid", "claim": "groups"}
    form |= {"roles.0.value": "v", "roles.0.role": role}
    yield Way(
        "role", role, gives, lambda http, s: posted(http, s, "/access/sign-in", form), 303, console=True
    )


def _link(what: str, recording: str, scope: Scope | None, **more: Any) -> Way:
    gives: frozenset[Scope] = frozenset({"links:write"} | ({scope} if scope else set()))

    def ask(http: httpx.Client, scene: Scene) -> httpx.Response:
        path = f"/recordings/{getattr(scene, recording)}/links"
        return http.post(scene.tenant.url(path), json={"listener": "k"} | more)

    return Way("link", what, gives, ask, 201)


def _link_key(http: httpx.Client, scene: Scene) -> httpx.Response:
    return http.put(scene.tenant.url("/link-keys/crm"), json=scene.registration())


def _link_key_at_the_console(http: httpx.Client, scene: Scene) -> httpx.Response:
    body = scene.registration()
    form = {name: str(body[name]) for name in ("public_key", "algorithm", "challenge", "proof")}
    form |= {"title": "crm", "max_life": "900", "max_sessions": "5", "kinds.player": "on"}
    return posted(http, scene, "/connections/keys/links", form)


def _connection(http: httpx.Client, scene: Scene) -> httpx.Response:
    return http.put(scene.tenant.url("/connections/other"), json=CONNECTION)


def _connection_at_the_console(http: httpx.Client, scene: Scene) -> httpx.Response:
    secret = str(CONNECTION["credentials"]["secret"])
    form = {"changes": "other", "provider": "platform", "secret.secret": secret}
    return posted(http, scene, "/connections", form)


def _erasing(http: httpx.Client, scene: Scene) -> httpx.Response:
    """Let a withdrawal erase, which it did not."""
    _restricting(scene)
    return http.patch(scene.tenant.url("/consent-policy"), json={"withdrawal": "erase"})


def _erasing_at_all(http: httpx.Client, scene: Scene) -> httpx.Response:
    policy = _restricting(scene)
    body = {name: policy[name] for name in POLICY}
    return http.put(scene.tenant.url("/consent-policy"), json=body | {"withdrawal": "erase"})


def _erasing_at_the_console(http: httpx.Client, scene: Scene) -> httpx.Response:
    policy = _restricting(scene)
    form = {name: str(policy[name]) for name in ("version", "missing_evidence", "mode", "quarantine_days")}
    form |= {"keys.accept": "1", "keys.decline": "9", "withdrawal": "erase", "name": scene.tenant.name}
    return posted(http, scene, "/consent", form)


def _restricting(scene: Scene) -> dict[str, Any]:
    """Let a withdrawal restrict again; return the policy."""
    answer = scene.tenant.http.patch(scene.tenant.url("/consent-policy"), json={"withdrawal": "restrict"})
    policy: dict[str, Any] = answer.json()
    return policy


def _listening(http: httpx.Client, scene: Scene) -> httpx.Response:
    return posted(http, scene, f"/recordings/{scene.recording}/listening", {"purpose": "quality"})


def _approval(http: httpx.Client, scene: Scene) -> httpx.Response:
    """Ask for an erasure with a key of its own, and approve it with the other."""
    path = scene.tenant.url(f"/recordings/{scene.restricted}")
    asked = scene.asker.delete(path).json()
    path = scene.tenant.url(f"/approvals/{asked['id']}")
    answer = http.post(path, json={"decision": "approve", "digest": asked["digest"]})
    if answer.status_code == 409 and answer.json()["reasons"] == ["scope"]:
        return httpx.Response(403)
    scene.tenant.http.post(path, json={"decision": "veto"})
    return answer
    return answer


def posted(http: httpx.Client, scene: Scene, path: str, form: dict[str, str]) -> httpx.Response:
    """Send a form of the console."""
    data = form | {"nonce": secrets.token_hex(8)}
    return http.post(f"/console/accounts/{scene.tenant.name}{path}", data=data)


_ACCOUNT_ROLES: Final = [role for role in ROLES if role != "operator"]
_READMISSION: Final = f"/members/{NOBODY}/readmission"
_LINKS: Final[frozenset[Scope]] = frozenset({"links:write"})
_ADMIN: Final = SCOPES_OF_ROLE["admin"]
_CONNECTION: Final[frozenset[Scope]] = frozenset({"settings:write", "ingest"})
_ERASES: Final[frozenset[Scope]] = frozenset({"privacy:write"})
_PROVISIONING: Final = {"connection": "main"}
WAYS: Final = [
    *(way for scope in SCOPES for way in _api_key(scope)),
    *(way for role in _ACCOUNT_ROLES for way in _role(role)),
    Way("readmission", "an admin", _ADMIN, lambda http, s: http.post(s.tenant.url(_READMISSION)), 404),
    Way("readmission", "an admin", _ADMIN, lambda http, s: posted(http, s, f"/access{_READMISSION}", {}), 404,
        console=True),
    Way("provisioning", "an admin", _ADMIN,
        lambda http, s: http.put(s.tenant.url("/provisioning"), json=_PROVISIONING), 200),
    Way("provisioning", "an admin", _ADMIN, lambda http, s: posted(http, s, "/access/provisioning", _PROVISIONING | {
        "roles_from": "claim", "revokes_links": "yes"}), 303, console=True),
    Way("link_key", "links", _LINKS, _link_key, 200),
    Way("link_key", "links", _LINKS, _link_key_at_the_console, 303, console=True),
    _link("player", "recording", None),
    _link("a file", "recording", None, download=True),
    _link("media", "recording", None, kind="media"),
    _link("restricted", "restricted", "privacy:write", purpose="legal_claims", purpose_text="Acme v. Doe"),
    _link("quarantined", "quarantined", "quarantine:listen", purpose="consent_check"),
    Way("link", "listening", _LINKS, _listening, 303, console=True),
    Way("connection", "webhooks", _CONNECTION, _connection, 200),
    Way("connection", "webhooks", _CONNECTION, _connection_at_the_console, 303, console=True),
    Way("policy", "erases", _ERASES, _erasing, 200),
    Way("policy", "erases, whole", _ERASES, _erasing_at_all, 200),
    Way("policy", "erases", _ERASES, _erasing_at_the_console, 303, console=True),
]  # fmt: skip


@pytest.fixture(scope="module")
def scene(house: House) -> Scene:
    """Return an account with a recording in each state in which a link can be made."""
    tenant = Tenant.open(house.admin)
    heard, restricted = (tenant.uploaded(AUDIO, call=ref, ref=ref) for ref in ("heard", "restricted"))
    assert tenant.http.put(tenant.url(f"/recordings/{restricted}/restriction"), json={}).is_success
    strict = {"missing_evidence": "quarantine", "reason": None}
    assert tenant.http.patch(tenant.url("/consent-policy"), json=strict).is_success
    waits = tenant.put(AUDIO, call="waits", ref="waits").json()["id"]
    tenant.wait(waits, "quarantined")
    role = {"issuer": "https://idp.example", "client_id": "c", "roles": [{"value": "v", "role": "admin"}]}
    assert tenant.http.put(tenant.url("/sign-in-connections/main"), json=role).is_success
    _, asker = house.call(
        house.vault.accounts.api_keys.issue,
        name="k",
        scopes=["privacy:write"],
        account_id=tenant.id,
        actor="operator",
    )
    asking = house.client({"Authorization": f"Bearer {asker.text}"})
    return Scene(tenant, heard, restricted, waits, asking)


def held_by(way: Way) -> Iterator[frozenset[Scope]]:
    """Yield what a key may have: all scopes but one, for each; the door's alone; and that with what is given."""
    door = GRANTORS[way.kind].door
    assert door is not None
    single: list[Scope] = [scope for scope in SCOPES if scope != "*"]
    yield from (frozenset(single) - ({scope} - {door}) for scope in single)
    yield frozenset({door})
    yield (way.gives - {"*"}) | {door}


def test_every_kind_of_permission_is_made_here():
    """A row of the table without a door below says where it is made."""
    assert {way.kind for way in WAYS} | ELSEWHERE.keys() | {"approval"} == GRANTORS.keys()
    assert not {way.kind for way in WAYS} & ELSEWHERE.keys()


@pytest.mark.parametrize(
    "way", WAYS, ids=lambda way: f"{way.kind} {way.what} {'console' if way.console else 'rest'}"
)
def test_a_key_gives_nothing_that_it_lacks(house: House, scene: Scene, way: Way):
    """Refused exactly where a scope of what is given is missing."""
    grantor, answers = GRANTORS[way.kind], set[bool]()
    assert grantor.always <= way.gives <= grantor.always | grantor.chosen
    for has in dict.fromkeys(held_by(way)):
        if way.console:
            http = sign_in(house, scene.tenant.name, *has)
        else:
            http = house.client(house.key_for(scene.tenant.name, *has))
        answer, may = way.ask(http, scene), way.gives <= has
        assert answer.status_code == (way.good if may else 403), (sorted(has), answer.text)
        answers.add(may)
    # No key below has ``*``, and some things are given with the scope of their door alone.
    assert answers in ({way.gives != {"*"}}, {True, False})


def test_an_approval_gives_no_act_that_the_approver_may_not_do(house: House, scene: Scene):
    """With the scope of the act, besides that of approvals."""
    rule = {"enabled": True, "verbs": ["recording_erasure"]}
    assert scene.tenant.http.put(scene.tenant.url("/approval-rule"), json=rule).is_success
    way, seen = Way("approval", "an erasure", frozenset({"privacy:write"}), _approval, 200), {}
    for has in sorted(held_by(way), key=lambda one: way.gives <= one):
        may = way.gives <= has
        if not (may and may in seen):  # It is erased once.
            seen[may] = _approval(house.client(house.key_for(scene.tenant.name, *has)), scene).status_code
            assert seen[may] == (way.good if may else 403), sorted(has)
    assert len(seen) == 2


def test_the_doors_ask_the_table(house: House, scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """A table that forgets what a key of links gives lets keys:write alone register one, as it was once."""
    alone = house.client(house.key_for(scene.tenant.name, "keys:write"))
    assert _link_key(alone, scene).status_code == 403
    forgetful = replace(GRANTORS["link_key"], always=frozenset())
    monkeypatch.setitem(GRANTORS, "link_key", forgetful)  # type: ignore[arg-type]
    assert _link_key(alone, scene).status_code == 200
