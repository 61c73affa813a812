"""Notes in the player: for those who are signed in at the console, by plain forms.

The words of the player's page: lengths, and who is heard on which channel.
"""

import re
from types import SimpleNamespace

import httpx
import pytest

from tests.support.console import OWN, form_of, nonce_of, sign_in
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from vault.domain.recordings.media import clock_length
from vault.web.http.languages import spoken_length, texts_of
from vault.web.player.sessions import channels_of

TEXTS = texts_of("en")["notes"]
PLACE = re.compile(r'<a class="moment" href="#t=([\d:]+)">')
LENGTHS = [
    (None, ""),
    (0, "0 seconds"),
    (0.6, "0 seconds"),
    (59.4, "59 seconds"),
    (59.6, "59 seconds"),
    (61, "1 minute 1 second"),
    (3599, "59 minutes 59 seconds"),
    (3600, "1 hour 0 minutes"),
    (7384, "2 hours 3 minutes"),
]


def opened(browser: httpx.Client, tenant: Tenant, recording: str) -> str:
    """Listen to a recording, and return the path of the session."""
    return str(open_link(browser, tenant.link(recording)["url"]).headers["location"])


@pytest.fixture
def recording(tenant: Tenant) -> str:
    """An available recording."""
    return tenant.uploaded(AUDIO)


def listener(house: House, tenant: Tenant, *scopes: str) -> httpx.Client:
    """Return somebody who is signed in."""
    return sign_in(house, tenant.name, *(scopes or ("recordings:read", "links:write")))


def sent(browser: httpx.Client, path: str, *, to: str = "/notes", **fields: str) -> httpx.Response:
    """Send a form of the page as a browser does."""
    page = browser.get(path)
    form = form_of(page, path + to.removesuffix("/deletion"))
    assert path + to in page.text
    return browser.post(path + to, data=form | fields)


def note_on(browser: httpx.Client, path: str) -> str:
    """Return the path of the only note's form, below the session."""
    (found,) = set(re.findall(rf'action="{path}(/notes/note_\w+)"', browser.get(path).text))
    return str(found)


def test_notes_are_made_changed_and_deleted_by_forms(house: House, tenant: Tenant, recording: str):
    """Each leads back to the player; a form that is sent twice makes one note."""
    browser = listener(house, tenant)
    path = opened(browser, tenant, recording)
    said = {"nonce": nonce_of(browser.get(path)), "at": "0:00.25", "text": "one\r\n<b>two"}
    made = [browser.post(f"{path}/notes", data=said) for _ in range(2)]
    assert [(one.status_code, one.headers["location"]) for one in made] == [(303, f"{path}#notes")] * 2
    page = browser.get(path).text
    assert PLACE.findall(page) == ["0:00"]
    assert "<p>one\n&lt;b&gt;two</p>" in page
    note = note_on(browser, path)
    assert sent(browser, path, to=note, at="0:00", text="").status_code == 303
    assert TEXTS["bookmark"] in browser.get(path).text
    assert sent(browser, path, to=f"{note}/deletion").status_code == 303
    assert PLACE.findall(browser.get(path).text) == []
    assert sent(browser, path, at="0:00", text="left").status_code == 303
    # Another tab has deleted it meanwhile: the page shows what there is.
    assert browser.post(f"{path}{note}/deletion").status_code == 303
    kinds = [kind for kind in tenant.types(recording) if kind.startswith("note.")]
    assert kinds == ["note.made", "note.changed", "note.deleted", "note.made"]


def test_only_who_is_signed_in_for_the_account_has_notes(house: House, tenant: Tenant, recording: str):
    """Not a stranger with a link, not somebody of another account, and nobody without the scope to listen."""
    others = Tenant.open(house.admin)
    stranger = house.client(OWN)
    for browser in (stranger, listener(house, others), listener(house, tenant, "audit:read")):
        path = opened(browser, tenant, recording)
        assert 'id="notes"' not in browser.get(path).text
        refused = browser.post(f"{path}/notes", data={"nonce": "n", "at": "0:00"})
        assert refused.status_code == 403
        assert TEXTS["signed_out"]["title"] in refused.text
    mine = listener(house, tenant)
    path = opened(mine, tenant, recording)
    assert (
        mine.post(f"{path}/notes", data={"at": "0"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code
        == 404
    )
    # The session of the player is needed too.
    assert listener(house, tenant).post(f"{path}/notes", data={"at": "0"}).status_code == 404
    assert "note.made" not in tenant.types(recording)


def test_each_sees_their_own(house: House, tenant: Tenant, recording: str):
    """What one writes the other does not see, and cannot delete by its id."""
    first, second = listener(house, tenant), listener(house, tenant)
    one, two = opened(first, tenant, recording), opened(second, tenant, recording)
    assert sent(first, one, at="0:00", text="mine alone").status_code == 303
    assert "mine alone" not in second.get(two).text
    assert second.post(f"{two}{note_on(first, one)}/deletion").status_code == 303
    assert "mine alone" in first.get(one).text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"at": "soon", "text": "kept"}, "wrong_at"),
        ({"at": "9:59", "text": "kept"}, "wrong_at"),
        ({"at": "9" * 30, "text": "kept"}, "wrong_at"),
        ({"at": "0:00", "text": "kept" + "x" * 1000}, "wrong_text"),
        ({"at": "0:00", "text": "kept\x07"}, "wrong_text"),
    ],
)
def test_a_mistake_is_said_and_what_was_written_stays(
    house: House, tenant: Tenant, recording: str, fields: dict[str, str], why: str
):
    """In the form where it was made: of a new note, and of one that is there."""
    browser = listener(house, tenant)
    path = opened(browser, tenant, recording)
    assert sent(browser, path, at="0:00", text="first").status_code == 303
    for to in ("/notes", note_on(browser, path)):
        page = sent(browser, path, to=to, **fields)
        assert page.status_code == 422
        assert TEXTS[why] in page.text
        assert "kept" in page.text
        assert ("<details open>" in page.text) == (to != "/notes")
    assert [kind for kind in tenant.types(recording) if kind.startswith("note.")] == ["note.made"]


def test_a_hold_and_a_restriction_are_said(house: House, tenant: Tenant, recording: str):
    """A held note stays; of a restricted recording the session ends, as for its audio."""
    browser = listener(house, tenant)
    path = opened(browser, tenant, recording)
    assert sent(browser, path, at="0:00", text="first").status_code == 303
    held = {"name": "h", "reason": "r", "covers": {"recordings": [recording]}}
    assert tenant.http.post(tenant.url("/holds"), json=held).status_code == 201
    refused = sent(browser, path, to=f"{note_on(browser, path)}/deletion")
    assert (refused.status_code, TEXTS["held"] in refused.text) == (422, True)
    assert tenant.http.put(tenant.url(f"/recordings/{recording}/restriction"), json={}).status_code == 200
    assert browser.post(f"{path}/notes", data={"nonce": "n", "at": "0:00"}).status_code == 404


@pytest.mark.parametrize(("seconds", "words"), LENGTHS)
def test_a_length_is_said_in_words(seconds: float | None, words: str):
    """Seconds count below an hour only, and are those of the clock beside it."""
    assert spoken_length(seconds, "en") == words
    if seconds is not None and seconds < 60:
        assert clock_length(seconds) == f"0:{int(words.split(maxsplit=1)[0]):02}"


#: Channels, voices, direction; names, and which of the two colours each has.
CHANNELS = [
    (2, ("caller", "callee"), "inbound", [("Customer", 2), ("Agent", 1)]),
    (2, ("caller", "callee"), "outbound", [("Agent", 1), ("Customer", 2)]),
    (2, ("caller", "callee"), None, [("Caller", 1), ("Called party", 2)]),
    (2, (), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("caller",), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("unknown", "unknown"), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("all", "all"), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("caller", "caller"), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (1, ("all",), "inbound", [("", 1)]),
    (1, ("caller",), "inbound", [("Customer", 2)]),
    (1, ("caller",), "outbound", [("Agent", 1)]),
    (1, (), None, [("", 1)]),
    # The describer crashed, so nobody counted.
    (None, (), None, [("", 1)]),
]


@pytest.mark.parametrize(("channels", "voices", "direction", "expected"), CHANNELS)
def test_a_channel_is_named_after_its_voice(channels, voices, direction, expected):
    """The agent has one colour in every recording, the customer the other; no two channels have one name."""
    recording = SimpleNamespace(channels=channels, voices=voices)
    assert [(one.name, one.tone) for one in channels_of(recording, direction)] == expected
