"""From a webhook to a listener's ear, and every way in which a link stops."""

import hashlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from tests.servers.media_thread import MediaThread
from tests.servers.vault_process import VaultProcess
from tests.support.seen_answer import seen_headers
from tests.support.tenant import Tenant, open_link, tone

AUDIO = tone(2.0)


def test_a_call_goes_from_its_webhook_to_a_listener(
    tenant: Tenant, media: MediaThread, browser: httpx.Client
):
    """A signed webhook becomes a link on which the same bytes are heard, each grant on record before."""
    url = media.serve(f"/{tenant.name}/call.wav", AUDIO)
    announced = tenant.announce(
        url, from_="+1 415 555 0101", to="+14155550102", agent="Robin", direction="inbound"
    )
    assert (announced.status_code, announced.json()["status"]) == (202, "accepted")
    recording = announced.json()["recording"]
    found = tenant.wait(recording)
    assert found["bytes"] == len(AUDIO)
    assert (found["codec"], found["channels"], found["duration"]) == ("pcm_s16le", 1, 2.0)
    assert found["call"]["from"] == "+14155550101"
    link = tenant.link(recording, listener="Kim Doe", expires_in=600)
    assert browser.head(link["url"]).status_code == 200
    page = browser.get(link["url"])
    assert page.status_code == 200
    assert "playback" not in " ".join(tenant.types(recording))
    opened = open_link(browser, link["url"])
    assert opened.status_code == 303
    player = browser.get(opened.headers["location"])
    assert player.status_code == 200
    heard = browser.get(f"{opened.headers['location']}/audio")
    assert hashlib.sha256(heard.content).digest() == hashlib.sha256(AUDIO).digest()
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.headers["cache-control"] == "private, no-store"
    events = tenant.events(recording)
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["recording.available", "link.created", "playback.open"]
    assert "playback.grant" in kinds[3:]
    assert events[1]["detail"] == {"listener": "Kim Doe"}
    assert events[2]["detail"]["address"] == "127.0.0.1"


def test_the_same_nonce_opens_the_same_session(tenant: Tenant, browser: httpx.Client, stranger: httpx.Client):
    """A lost answer can be asked for again, and its cookie counts from then on; another nonce is 404."""
    url = tenant.link(tenant.uploaded(AUDIO), sessions=1)["url"]
    first = open_link(browser, url, nonce="n-1")
    again = open_link(stranger, url, nonce="n-1")
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["location"] == again.headers["location"]
    assert stranger.get(f"{again.headers['location']}/audio").content == AUDIO
    assert open_link(stranger, url, nonce="n-2").headers["location"] == first.headers["location"]
    assert open_link(browser, url, nonce="n-2").status_code == 404
    assert [kind for kind in tenant.types() if kind.startswith("playback.")].count("playback.denied") == 1


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_another_site_cannot_open_a_link(tenant: Tenant, browser: httpx.Client, site: str):
    """A form on another page opens nothing and burns nothing."""
    url = tenant.link(tenant.uploaded(AUDIO), sessions=1)["url"]
    assert open_link(browser, url, nonce="n", headers={"Sec-Fetch-Site": site}).status_code == 404
    assert open_link(browser, url, nonce="n", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_session_belongs_to_its_cookie(tenant: Tenant, browser: httpx.Client, server: VaultProcess):
    """Who knows the session's address alone hears nothing; the cookie is HttpOnly and strict."""
    opened = open_link(browser, tenant.link(tenant.uploaded(AUDIO))["url"])
    where, cookie = opened.headers["location"], opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert opened.headers["location"].removeprefix("/s/") not in cookie.partition("=")[2]
    for path in (where, f"{where}/audio", f"{where}/waveform"):
        assert httpx.get(server.url + path).status_code == 404
        assert browser.get(path).status_code == 200


def test_an_expired_link_opens_nothing_but_its_session_plays_on(
    tenant: Tenant, server: VaultProcess, browser: httpx.Client, stranger: httpx.Client
):
    """The link's expiry stops new opens; the session has its own end. A GET of the link is no way in."""
    link = tenant.link(tenant.uploaded(AUDIO), expires_in=600)
    opened = open_link(browser, link["url"])
    assert opened.status_code == 303
    with closing(sqlite3.connect(server.data_dir / "vault.db", isolation_level=None, timeout=10)) as rows:
        # Ten minutes go by: in microseconds.
        aged = rows.execute(
            "UPDATE links SET created_at = created_at - :past, expires_at = expires_at - :past WHERE id = :id",
            {"past": 600_000_000, "id": link["id"]},
        )
        assert aged.rowcount == 1
    assert open_link(stranger, link["url"], nonce="later").status_code == 404
    late = stranger.get(link["url"])
    assert (late.status_code, late.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert browser.get(f"{opened.headers['location']}/audio").content == AUDIO


def test_revoking_a_link_stops_its_sessions(tenant: Tenant, browser: httpx.Client):
    """After DELETE neither the link nor an open session gives a byte; a repeated DELETE is no error."""
    recording = tenant.uploaded(AUDIO)
    link = tenant.link(recording)
    opened = open_link(browser, link["url"])
    audio = f"{opened.headers['location']}/audio"
    assert browser.get(audio, headers={"Range": "bytes=0-9"}).status_code == 206
    path = tenant.url(f"/recordings/{recording}/links/{link['id']}")
    assert tenant.http.delete(path).status_code == 204
    assert tenant.http.delete(path).status_code == 204
    assert tenant.types(recording).count("link.revoked") == 1
    assert browser.get(audio).status_code == 404
    assert browser.get(link["url"]).status_code == 404
    assert open_link(browser, link["url"], nonce="n").status_code == 404


def test_every_dead_link_looks_the_same(tenant: Tenant, browser: httpx.Client):
    """Unknown, revoked, foreign and erased links answer with one page, byte for byte."""
    recording, other = tenant.uploaded(AUDIO), tenant.uploaded(AUDIO, ref="rec-2")
    revoked, foreign = tenant.link(recording), tenant.link(recording, networks=["192.0.2.0/24"])
    erased = tenant.link(other)
    tenant.http.delete(tenant.url(f"/recordings/{recording}/links/{revoked['id']}"))
    tenant.http.delete(tenant.url(f"/recordings/{other}"))
    urls = [revoked["url"], foreign["url"], erased["url"], f"{tenant.http.base_url}/p/{'x' * 43}"]
    pages = {(answer.status_code, answer.content) for answer in map(browser.get, urls)}
    opens = {
        (answer.status_code, answer.content)
        for url in urls
        for answer in [open_link(browser, url, nonce="n")]
    }
    assert len(pages | opens) == 1
    assert pages.pop()[0] == 404


def test_forwarded_addresses_count_only_from_trusted_proxies(
    tenant: Tenant, browser: httpx.Client, proxied_tenant: Tenant
):
    """Without VAULT_TRUSTED_PROXIES the header is air; with it the last hop that is no proxy counts."""
    there = {"X-Forwarded-For": "192.0.2.7"}
    url = tenant.link(tenant.uploaded(AUDIO), networks=["192.0.2.0/24"])["url"]
    assert open_link(browser, url, nonce="n", headers=there).status_code == 404
    recording = proxied_tenant.uploaded(AUDIO)
    inside = proxied_tenant.link(recording, networks=["192.0.2.0/24"])["url"]
    # Each hop is somebody else: anyone who holds a session of the link is led back to it.
    for forwarded, status in [
        ([("X-Forwarded-For", "192.0.2.7")], 303),
        ([("X-Forwarded-For", "203.0.113.5, 192.0.2.7, 127.0.0.2")], 303),
        ([("X-Forwarded-For", "192.0.2.7, 203.0.113.5")], 404),
        ([("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "203.0.113.5")], 404),
        ([("X-Forwarded-For", "192.0.2.7, nobody")], 404),
        ([("X-Forwarded-For", "")], 404),
        ([], 404),
    ]:
        answer = httpx.post(f"{inside}/open", data={"nonce": "n"}, headers=forwarded)
        assert (forwarded, answer.status_code) == (forwarded, status)
    addresses = [
        e["detail"]["address"] for e in proxied_tenant.events(recording) if e["type"] == "playback.open"
    ]
    assert addresses == ["192.0.2.7"]


def test_a_media_link_plays_without_a_button(tenant: Tenant, browser: httpx.Client):
    """HEAD says what GET would and opens nothing; the first GET opens the one session, and later ones stay in it."""
    recording = tenant.uploaded(AUDIO)
    url = tenant.link(recording, kind="media")["url"]
    for _ in range(2):
        head = browser.head(url)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(AUDIO)))
    assert not {"playback.open", "playback.grant"} & set(tenant.types(recording))
    whole = browser.get(url)
    assert whole.content == AUDIO
    for answer in (head, browser.head(url), browser.head(url, headers={"Range": "bytes=0-0"})):
        assert answer.status_code == 200
        assert seen_headers(answer) == seen_headers(whole)
    part = browser.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, AUDIO[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(AUDIO)}"
    assert tenant.types(recording).count("playback.open") == 1
    wanted = {"listener": "Kim", "kind": "media", "sessions": 1}
    refused = tenant.http.post(tenant.url(f"/recordings/{recording}/links"), json=wanted)
    assert (refused.status_code, refused.json()["field"]) == (422, "sessions")


def test_players_that_come_together_open_a_media_link_once(tenant: Tenant):
    """A player asks for several parts concurrently: they are one session, and one open in the log."""
    recording = tenant.uploaded(AUDIO)
    url = tenant.link(recording, kind="media")["url"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: httpx.get(url, timeout=30), range(8)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, AUDIO)}
    assert tenant.types(recording).count("playback.open") == 1
