"""A session's doors beside the audio: how it stands, what its page says, and the files that pages need."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from vault.database.schema.consent import notices
from vault.database.schema.core import sessions
from vault.errors import NotFound, Unavailable
from vault.web.http.html import not_valid, refusal

NOTICE = {
    "language": "en", "audience": "caller", "mode": "announce", "controller": "We", "purposes": "quality",
    "refusal": "say so", "full_notice": "example.com",
}  # fmt: skip


def opened(house: House, tenant: Tenant, recording: str, **wanted: object) -> tuple[httpx.Client, str, str]:
    """Open a new link; returns the browser, the session's path and the link's id."""
    browser, link = house.client(), tenant.link(recording, **wanted)
    return browser, open_link(browser, link["url"]).headers["location"], link["id"]


def overwrite(house: House, said: object) -> None:
    """Change a row behind everybody's back."""
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(said) and None)


def test_a_session_says_how_it_stands(house: House, tenant: Tenant):
    """Open with what is left, then one word for each way to end; the page says the same, and nothing to others."""
    said = {}
    for word in ("revoked", "restricted", "erased", "ended"):
        recording = tenant.uploaded(AUDIO, ref=word)
        browser, path, link = opened(house, tenant, recording)
        before = browser.get(f"{path}/state").json()
        assert (before["state"], before["title"], before["text"]) == ("open", "", "")
        assert 290 < before["seconds_left"] <= 300
        # The session is in memory for a moment from now on: for its holder, and for what its grant permits.
        assert browser.get(f"{path}/audio", headers={"Range": "bytes=0-99"}).status_code == 206
        assert house.client().get(f"{path}/audio").status_code == 404
        here = tenant.url(f"/recordings/{recording}")
        if word == "revoked":
            house.admin.delete(f"{here}/links/{link}")
        elif word == "restricted":
            house.admin.put(f"{here}/restriction", json={})
        elif word == "erased":
            house.admin.delete(here)
        else:
            past = datetime.now(UTC) - timedelta(seconds=1)
            overwrite(house, update(sessions).where(sessions.c.id == path[3:]).values(ends_at=past))
        after = browser.get(f"{path}/state").json()
        assert (after["state"], after["seconds_left"]) == (word, 0)
        said[word] = after["title"], after["text"]
        assert [browser.request(verb, f"{path}/audio").status_code for verb in ("GET", "HEAD")] == [404, 404]
        page = browser.get(path)
        assert (page.status_code, page.text.count(said[word][0]), said[word][1] in page.text) == (
            404,
            2,
            True,
        )
        assert house.client().get(path).text.count("not valid any more") == 2
    assert len(set(said.values())) == 4
    assert all(title and text for title, text in said.values())


def test_a_file_is_offered_where_the_link_says_so(house: House, shared: tuple[Tenant, str]):
    """The original, on record as a download; without the word, and after a revocation, there is none."""
    tenant, recording = shared
    browser, path, link = opened(house, tenant, recording, download=True, listener="Keeper")
    assert f'href="{path}/download"' in browser.get(path).text
    answer = browser.get(f"{path}/download")
    assert (answer.status_code, answer.content) == (200, AUDIO)
    assert answer.headers["content-disposition"] == f'attachment; filename="{recording}.wav"'
    session = path.removeprefix("/s/")
    said = [
        (one["type"], one["first"], one["end"])
        for one in tenant.events(recording)
        if one.get("session") == session
    ]
    assert ("download.grant", 0, min(len(AUDIO), 65536)) in said
    assert "playback.grant" not in {kind for kind, *_ in said}
    house.admin.delete(tenant.url(f"/recordings/{recording}/links/{link}"))
    assert browser.get(f"{path}/download").status_code == 404

    browser, path, _ = opened(house, tenant, recording)
    assert "download" not in browser.get(path).text.replace("nodownload", "")
    assert browser.get(f"{path}/download").status_code == 404
    assert browser.get(f"{path}/audio").status_code == 200
    wish = {"listener": "CRM", "kind": "media", "download": True}
    refused = house.admin.post(tenant.url(f"/recordings/{recording}/links"), json=wish)
    assert (refused.status_code, refused.json()["field"]) == (422, "download")


def test_a_player_says_what_it_played(house: House, shared: tuple[Tenant, str]):
    """It is in the log of an open session, marked in the history; a wrong report is told by its field."""
    tenant, recording = shared
    browser, path, link = opened(house, tenant, recording, listener="Hearer")
    session = path.removeprefix("/s/")

    def reports() -> list[str]:
        found = [one for one in tenant.events(recording) if one["type"] == "playback.heard"]
        return [one["detail"]["heard"] for one in found if one["session"] == session]

    assert browser.post(f"{path}/heard", json={"spans": [[0, 0.4], [0.4, 1]]}).status_code == 204
    assert browser.post(f"{path}/heard", json={"spans": []}).status_code == 204
    assert reports() == ["0-1"]
    for spans, field in (
        ([[2, 1]], "spans.0"),
        ([[-1, 1]], "spans.0.0"),
        ([[0, 1]] * 101, "spans"),
        (7, "spans"),
    ):
        refused = browser.post(f"{path}/heard", json={"spans": spans})
        assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (422, [field])
    history = house.admin.get(tenant.url(f"/recordings/{recording}/history")).json()["items"]
    told = "Played 00:00-00:01, as the player of Hearer reports; this cannot be checked"
    assert [one["text"] for one in history if one["kind"] == "playback.heard"] == [told]

    said = {"spans": [[0, 1]]}
    assert house.client().post(f"{path}/heard", json=said).status_code == 404
    house.admin.delete(tenant.url(f"/recordings/{recording}/links/{link}"))
    assert browser.post(f"{path}/heard", json=said).status_code == 404
    assert reports() == ["0-1"]


def test_only_the_holder_of_the_cookie_is_told(house: House, shared: tuple[Tenant, str]):
    """Without its secret a session stands no way at all, whether there is one or not."""
    browser, path, _ = opened(house, *shared)
    name = path.removeprefix("/s/")
    for cookie in ("", f"{name}=x", f"x={browser.cookies[name]}"):
        answer = house.client().get(f"{path}/state", headers={"Cookie": cookie})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert answer.content == house.client().get("/s/sess_nobody/state").content


def test_a_cookie_outlives_its_session(house: House, shared: tuple[Tenant, str]):
    """By an hour: a player that is still open is told why it ended."""
    tenant, recording = shared
    answer = open_link(house.client(), tenant.link(recording)["url"])
    assert "Max-Age=3900;" in answer.headers["set-cookie"]


def test_a_session_that_asks_for_too_much_waits(
    house: House, shared: tuple[Tenant, str], monkeypatch: pytest.MonkeyPatch
):
    """A range and the waveform are 429 with a delay; how it stands, HEAD, and other sessions go on."""
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRY_BURST", 2)
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRIES_PER_SECOND", 0)
    browser, path, _ = opened(house, *shared)
    media = shared[0].link(shared[1], kind="media")["url"]
    for url in (f"{path}/audio", media):
        answers = [browser.get(url, headers={"Range": "bytes=0-0"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [206, 206, 429]
        assert (answers[2].headers["retry-after"], answers[2].json()["status"]) == ("10", 429)
    assert browser.get(f"{path}/waveform").status_code == 429
    assert browser.post(f"{path}/heard", json={"spans": [[0, 1]]}).status_code == 429
    assert browser.get(f"{path}/state").json()["state"] == "open"
    assert browser.head(f"{path}/audio").status_code == 200


@pytest.mark.parametrize("extension", ["wav", "mp3", "x"])
def test_the_address_may_have_an_extension(house: House, shared: tuple[Tenant, str], extension: str):
    """It is the same audio under it, whole and by ranges, and of the same type."""
    browser, path, _ = opened(house, *shared)
    answer = browser.get(f"{path}/audio.{extension}", headers={"Range": "bytes=5-9"})
    assert (answer.status_code, answer.content) == (206, AUDIO[5:10])
    assert answer.headers["content-type"] == "audio/wav"
    assert browser.head(f"{path}/audio.{extension}").headers["content-length"] == str(len(AUDIO))
    assert house.client().get(f"{path}/audio.{extension}").status_code == 404


def test_the_page_names_the_audio_as_safari_wants_it(house: House, shared: tuple[Tenant, str]):
    """Its address ends like a file of its type."""
    browser, path, _ = opened(house, *shared)
    assert f'src="{path}/audio.wav"' in browser.get(path).text


def told(house: House, tenant: Tenant) -> dict[str, str]:
    """Publish a notice, tell the caller of call-1 with it, and return it."""
    notice: dict[str, str] = house.admin.post(tenant.url("/notices"), json=NOTICE).json()
    assert house.admin.post(tenant.url(f"/notices/{notice['id']}/publish")).status_code == 200
    event = {"party": "caller", "event": "announced", "method": "announcement", "notice": notice["id"]}
    said = event | {"at": datetime.now(UTC).isoformat()}
    assert house.admin.post(tenant.url("/calls/call-1/consent"), json=said).status_code == 201
    return notice


@pytest.mark.parametrize("late", [False, True])
def test_the_page_shows_what_the_parties_were_told(house: House, tenant: Tenant, late: bool):
    """Whether it was told before the recording was sealed or after: once, in its language."""
    if late:
        recording = tenant.uploaded(AUDIO)
        notice = told(house, tenant)
        told_again = {"party": "caller", "event": "accepted", "method": "form", "notice": notice["id"]}
        at = datetime.now(UTC).isoformat()
        house.admin.post(tenant.url("/calls/call-1/consent"), json=told_again | {"at": at})
    else:
        notice = told(house, tenant)
        recording = tenant.uploaded(AUDIO)
    browser, path, _ = opened(house, tenant, recording)
    text = browser.get(path).text
    assert re.findall(r"<blockquote[^>]*>([^<]*)</blockquote>", text) == [notice["text"]]
    assert '<blockquote lang="en"' in text


def test_a_notice_that_was_changed_is_not_shown(house: House, tenant: Tenant):
    """A text that is not the announced one is a fault of ours: a page for people, and nothing of the call."""
    notice = told(house, tenant)
    recording = tenant.uploaded(AUDIO)
    changed = update(notices).where(notices.c.id == notice["id"]).values(text="You agreed to everything.")
    browser, path, _ = opened(house, tenant, recording)
    overwrite(house, changed)
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "cannot be opened right now" in answer.text
    assert "agreed" not in answer.text


def test_people_get_a_page_where_programs_get_a_problem():
    """Its status and its delay are those of the problem; of what went wrong it says nothing."""
    busy = refusal(Unavailable("The key service sleeps.", retry_after=7))
    assert (busy.status_code, busy.headers["retry-after"], busy.media_type) == (503, "7", "text/html")
    assert b"sleeps" not in busy.body
    gone = refusal(NotFound("x"))
    assert (gone.status_code, gone.body) == (404, not_valid().body)


def test_files_are_asked_for_again_and_sent_once(stranger: httpx.Client):
    """A page never meets a script of another release, and an unchanged one costs no body."""
    for name, kind in [
        ("player.js", "text/javascript; charset=utf-8"),
        ("vault.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ]:
        first = stranger.get(f"/static/{name}")
        assert (first.status_code, first.headers["content-type"]) == (200, kind)
        assert first.headers["cache-control"] == "public, no-cache"
        again = stranger.get(f"/static/{name}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = stranger.get(f"/static/{name}", headers={"If-None-Match": '"x"'})
        assert (other.status_code, other.content) == (200, first.content)
    for name in ("player.html", "base.html", "..", "rendering.py"):
        assert stranger.get(f"/static/{name}").status_code == 404


def test_pages_allow_nothing_but_their_own(house: House, shared: tuple[Tenant, str]):
    """The policy names no other host and nothing inline, and the pages hold nothing inline."""
    tenant, recording = shared
    browser, path, _ = opened(house, tenant, recording)
    for answer in (browser.get(path), browser.get(tenant.link(recording)["url"]), browser.get("/p/nobody")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", answer.text)
        assert not re.search(r"(src|href)=\"https?:", answer.text)
