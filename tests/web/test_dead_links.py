"""Links that open nothing: an address that asks for too many waits, and no other address notices."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.seen_answer import seen
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from vault.database.schema.core import links
from vault.errors import TooMany
from vault.web.app import Hosting
from vault.web.http.client_address import MAX_ADDRESSES, MINUTE, AddressLimit
from vault.web.http.html import not_valid
from vault.web.middleware import link_rate_limit
from vault.web.middleware.link_rate_limit import MAX_DEAD_LINKS, LinkRateLimit, dead_links

pytestmark = pytest.mark.faults

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def counted(table: AddressLimit, address: str, times: int, *, now: datetime = NOON) -> AddressLimit:
    """Count dead links of an address, and return the table."""
    for _ in range(times):
        table.count(address, now)
    return table


def waits(table: AddressLimit, address: str, now: datetime = NOON) -> int:
    """Return the seconds that an address has to wait; 0 if it need not."""
    try:
        table.check(address, now)
    except TooMany as error:
        return error.retry_after
    return 0


@pytest.mark.parametrize(
    ("times", "later", "seconds"),
    [
        (MAX_DEAD_LINKS - 1, 0.0, 0),
        (MAX_DEAD_LINKS, 0.0, 60),
        (MAX_DEAD_LINKS + 40, 0.0, 60),
        (MAX_DEAD_LINKS, 0.5, 60),
        (MAX_DEAD_LINKS, 30.0, 30),
        (MAX_DEAD_LINKS, 59.999, 1),
        (MAX_DEAD_LINKS, 60.0, 0),
        # A clock that was set back keeps nobody waiting for longer.
        (MAX_DEAD_LINKS, -3600.0, 0),
    ],
)
def test_an_address_waits_until_its_minute_is_over(times: int, later: float, seconds: int):
    """The sixtieth dead link is answered; what comes after it waits for what is left of the minute."""
    table = counted(dead_links(), "192.0.2.1", times)
    assert waits(table, "192.0.2.1", NOON + timedelta(seconds=later)) == seconds
    assert waits(table, "192.0.2.2", NOON + timedelta(seconds=later)) == 0


def test_a_window_begins_again():
    """What was counted before it is forgotten."""
    table = counted(dead_links(), "192.0.2.1", MAX_DEAD_LINKS)
    counted(table, "192.0.2.1", MAX_DEAD_LINKS - 1, now=NOON + MINUTE)
    assert waits(table, "192.0.2.1", NOON + MINUTE) == 0
    counted(table, "192.0.2.1", 1, now=NOON + MINUTE * 1.5)
    assert waits(table, "192.0.2.1", NOON + MINUTE * 1.5) == 30


@pytest.mark.parametrize(
    ("other", "seconds"),
    [
        ("2001:db8:0:1::2", 60),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", 60),
        ("2001:db8:0:2::1", 0),
        ("2001:db8::1", 0),
    ],
)
def test_ipv6_counts_by_its_network(other: str, seconds: int):
    """The /64 is one client, and the next is another."""
    assert waits(counted(dead_links(), "2001:db8:0:1::1", MAX_DEAD_LINKS), other) == seconds


def test_a_zone_is_no_part_of_a_network():
    """A link-local address with its zone counts like one without."""
    assert waits(counted(dead_links(), "fe80::1%eth0", MAX_DEAD_LINKS), "fe80::2") == 60


def test_the_oldest_is_forgotten_first():
    """The table is bounded; an address whose minute began again is young."""
    table = counted(dead_links(), "192.0.2.1", MAX_DEAD_LINKS)
    counted(table, "192.0.2.2", MAX_DEAD_LINKS, now=NOON)
    counted(table, "192.0.2.1", MAX_DEAD_LINKS, now=NOON + MINUTE)
    for n in range(MAX_ADDRESSES - 1):
        table.count(f"10.0.{n >> 8}.{n & 255}", NOON + MINUTE)
    assert len(table) == MAX_ADDRESSES
    assert waits(table, "192.0.2.2", NOON + timedelta(seconds=59)) == 0
    assert waits(table, "192.0.2.1", NOON + MINUTE) == 60
    table.count("10.1.0.0", NOON + MINUTE)
    assert len(table) == MAX_ADDRESSES
    assert waits(table, "192.0.2.1", NOON + MINUTE) == 0


def at(house: House, address: str) -> httpx.Client:
    """Return a browser with an address of its own."""
    return house.client({"X-Forwarded-For": address})


def test_too_many_dead_links_are_429(behind_proxy: House):
    """Of every kind, all with one answer, until the limit; then even a good link waits, and others' do not."""
    tenant = Tenant.open(behind_proxy.admin)
    recording = tenant.uploaded(AUDIO)
    good, revoked = tenant.link(recording), tenant.link(recording)
    tenant.http.delete(tenant.url(f"/recordings/{recording}/links/{revoked['id']}"))
    elsewhere = tenant.link(recording, networks=["203.0.113.0/24"])
    guesser, listener = at(behind_proxy, "192.0.2.1"), at(behind_proxy, "192.0.2.2")
    dead = [revoked["url"], elsewhere["url"], f"/p/{'x' * 43}", "/p/x"]
    asked = [
        guesser.get(dead[n % 4]) if n % 2 else open_link(guesser, dead[n % 4], nonce="n")
        for n in range(MAX_DEAD_LINKS)
    ]
    assert {(answer.status_code, answer.content) for answer in asked} == {(404, asked[0].content)}
    for answer in (guesser.get("/p/x"), guesser.get(good["url"]), open_link(guesser, good["url"], nonce="n")):
        assert (answer.status_code, answer.headers["content-type"]) == (429, "text/html; charset=utf-8")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["content-security-policy"] == asked[0].headers["content-security-policy"]
    assert guesser.get("/livez").status_code != 429
    opened = open_link(listener, good["url"])
    assert opened.status_code == 303
    assert listener.get(f"{opened.headers['location']}/audio").content == AUDIO
    assert listener.get(dead[0]).content == asked[0].content


def expire(house: House, link: str) -> None:
    """Let a link's time be over."""
    over = update(links).where(links.c.id == link).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(over) and None)


@pytest.mark.parametrize("kind", ["player", "media"])
def test_why_a_link_is_dead_shows_in_nothing(behind_proxy: House, kind: str):
    """Unknown, forged, expired, revoked, foreign, used up, restricted, erased: one answer to each way of asking."""
    tenant = Tenant.open(behind_proxy.admin)
    recording, other, third = (tenant.uploaded(AUDIO, ref=ref) for ref in ("1", "2", "3"))
    made = {
        why: tenant.link(of, kind=kind, **wanted)
        for why, of, wanted in [
            ("forged", recording, {}),
            ("expired", recording, {}),
            ("revoked", recording, {}),
            ("foreign", recording, {"networks": ["203.0.113.0/24"]}),
            ("restricted", other, {}),
            ("erased", third, {}),
            ("used up", recording, {} if kind == "media" else {"sessions": 1}),
        ]
    }
    paths = {why: link["url"].removeprefix(behind_proxy.url) for why, link in made.items()}
    flipped = "B" if paths["forged"][-1] == "A" else "A"
    paths |= {"unknown": f"/p/{'x' * 43}", "forged": paths["forged"][:-1] + flipped}
    paths |= {"short": "/p/x", "strange": "/p/%F0%9F%94%91"}
    expire(behind_proxy, made["expired"]["id"])
    tenant.http.delete(tenant.url(f"/recordings/{recording}/links/{made['revoked']['id']}"))
    tenant.http.put(tenant.url(f"/recordings/{other}/restriction"), json={})
    tenant.http.delete(tenant.url(f"/recordings/{third}"))
    somebody = at(behind_proxy, f"192.0.2.{50 if kind == 'player' else 51}")
    assert open_link(at(behind_proxy, "192.0.2.49"), paths["used up"], nonce="mine").status_code == 303
    answers: dict[str, set] = {"GET": set(), "HEAD": set(), "POST": set()}
    for why, path in paths.items():
        asked = [open_link(somebody, path, nonce="n")]
        # A link that is used up shows its page, and a media link plays on in its one session.
        asked += [] if why == "used up" else [somebody.get(path), somebody.head(path)]
        for answer in asked:
            answers[answer.request.method].add(seen(answer))
    assert [len(one) for one in answers.values()] == [1, 1, 1]
    assert {status for one in answers.values() for status, *_ in one} == {404}
    assert {body for method in ("GET", "POST") for _, body, _ in answers[method]} == {not_valid().body}


def test_a_forged_link_reaches_no_route(behind_proxy: House):
    """It is answered before: made up, badly signed, or with a changed character; what may be good goes on."""
    house = behind_proxy
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(AUDIO)
    minter, stranger = register(tenant, Minter()), Minter()
    good, own = minter.token(recording), tenant.link(recording)["url"].rpartition("/")[2]
    stranger.key_id, stranger.audience = minter.key_id, minter.audience
    # Of a signature's first character each bit counts; its last byte is often zero, so "AA" may end a good one.
    signature = good.rindex(".") + 1
    changed = good[:signature] + ("B" if good[signature] == "A" else "A") + good[signature + 1 :]
    forged = [stranger.token(recording), f"v1.{'x' * 43}.{'y' * 22}", changed, f"{own[:-1]}~"]
    reached = list[str]()

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope["path"])

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    statuses = list[Any]()
    limit = LinkRateLimit(app, table=dead_links(), clock=house.app.state.clock)
    for token in [*forged, good, own]:
        for method, path in (("GET", f"/p/{token}"), ("POST", f"/p/{token}/open")):
            scope = {
                "type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "app": house.app,
                "client": ("192.0.2.1", 1),
            }  # fmt: skip
            house.call(limit, scope, None, send)
    assert [one for one in statuses if one is not None] == [404] * 2 * len(forged)
    assert reached == [f"/p/{token}{end}" for token in (good, own) for end in ("", "/open")]


@pytest.mark.parametrize("took", [0.0, 0.02])
@pytest.mark.parametrize("client", [("192.0.2.1", 1), None])
async def test_a_dead_link_is_answered_at_its_time(
    took: float, client: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch
):
    """However soon it was found out: not before that many seconds; what is no dead link does not wait."""
    # Long beside what a busy machine may add to the others.
    monkeypatch.setattr(link_rate_limit, "_NOT_FOUND_LATENCY", 0.5)
    loop, heads = asyncio.get_running_loop(), []

    async def app(scope, receive, send):
        await asyncio.sleep(took)
        await send({"type": "http.response.start", "status": scope["status"], "headers": []})

    async def send(message):
        heads.append((message["status"], loop.time()))

    limited = LinkRateLimit(app, table=dead_links(), clock=lambda: NOON)
    state = SimpleNamespace(state=SimpleNamespace(hosting=Hosting(public_url="http://x")))
    begun = loop.time()

    async def ask(path: str, status: int) -> None:
        scope = {
            "type": "http",
            "method": "PUT",  # No link is asked for by it, so no token is looked at.
            "path": path,
            "headers": [],
            "client": client,
            "app": state,
            "status": status,
        }
        await limited(scope, None, send)

    await asyncio.gather(ask("/p/x", 404), ask("/p/x/open", 404), ask("/p/x", 200), ask("/s/x", 404))
    assert [status for status, _ in heads[:2]] == [200, 404]
    assert [status for status, _ in heads[2:]] == [404, 404]
    assert all(at - begun >= 0.5 for _, at in heads[2:])


def test_good_links_and_other_doors_count_nothing(behind_proxy: House):
    """Nobody waits for having opened what was there to be opened, or for a page that is not there."""
    tenant = Tenant.open(behind_proxy.admin)
    url = tenant.link(tenant.uploaded(AUDIO))["url"]
    busy = at(behind_proxy, "192.0.2.3")
    for _ in range(MAX_DEAD_LINKS + 1):
        assert busy.get(url).status_code == 200
        assert busy.get("/s/sess_nobody").status_code == 404
    assert busy.get(url).status_code == 200
