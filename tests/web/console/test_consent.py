"""Set the consent policy, write a notice and hear it, read the rules, and enter an objection, without scripts."""

import html
import re

import pytest

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.errors import Invalid
from vault.web.console.multipart import read_multipart

MARKUP = "<script>alert(1)</script>"


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages of consent."""
    return f"/console/accounts/{tenant.name}/consent"


def test_a_policy_is_set_with_a_rule_of_ones_own(house: House, tenant: Tenant):
    """What was typed is kept when it is wrong; a stale page is refused; the reason is text."""
    client = sign_in(house, tenant.name)
    form = form_of(client.get(base(tenant)), base(tenant)) | {
        "missing_evidence": "accept",
        "reason": "",
        "withdrawal": "erase",
        "mode": "announce",
        "home_place": "FR",
        "quarantine_days": "30",
        "keys.accept": "1",
        "keys.decline": "9",
        "keys.object": "",
        "overrides.0.place": "FR",
        "overrides.0.consent": "all",
        "overrides.0.tone_accepted": "no",
        "overrides.0.reason": f"lawyer {MARKUP}",
        "overrides.1.place": "",
        "name": tenant.name,
    }
    wrong = client.post(base(tenant), data=form)
    assert (wrong.status_code, 'id="wrong-reason"' in wrong.text) == (422, True)
    assert "lawyer &lt;script&gt;" in wrong.text
    unnamed = client.post(base(tenant), data=form | {"reason": "r", "name": ""})
    assert (unnamed.status_code, 'id="wrong-name"' in unnamed.text) == (422, True)
    for _ in range(2):
        answer = client.post(base(tenant), data=form | {"missing_evidence": "quarantine"})
        assert answer.headers["location"].endswith("consent_set")
    policy = tenant.http.get(tenant.url("/consent-policy")).json()
    assert (policy["mode"], policy["withdrawal"], policy["home_place"]) == ("announce", "erase", "FR")
    (override,) = policy["overrides"]
    assert (override["consent"], override["tone_accepted"]) == ("all", False)
    assert (override["notice_in_recording"], override["reason"]) == (None, f"lawyer {MARKUP}")
    assert client.post(base(tenant), data=form | {"reason": "r", "nonce": "other"}).status_code == 409
    rules = client.get(f"{base(tenant)}/rules?place=france")
    assert "your own rule" in rules.text
    assert MARKUP not in rules.text + client.get(base(tenant)).text
    assert "Germany" not in rules.text


def test_a_notice_is_drafted_heard_published_and_retired(house: House, tenant: Tenant):
    """Its audio is uploaded as a file and is on its page; a published one has no editor."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/notices"
    form = form_of(client.get(f"{path}/new"), path) | {
        "language": "en",
        "audience": "caller",
        "mode": "announce",
        "places": "FR, DE",
        "text": f"Acme records this call to train staff. Say no to refuse. See acme.example. {MARKUP}",
        "controller": "Acme",
    }
    wrong = client.post(path, data=form | {"language": "!"})
    assert (wrong.status_code, 'id="wrong-language"' in wrong.text) == (422, True)
    page = client.post(path, data=form).headers["location"].partition("?")[0]
    assert MARKUP not in client.get(page).text + client.get(path).text
    early = client.post(f"{page}/publication", data={"nonce": "1", "name": tenant.name})
    assert (early.status_code, "does not say" in html.unescape(early.text)) == (422, True)
    words = {"purposes": "train staff", "refusal": "Say no", "full_notice": "acme.example"}
    more = {"retention": "", "nonce": "2", "text": form["text"].replace(MARKUP, "")}
    assert client.post(page, data=form | words | more).status_code == 303
    file = {"file": ("speech.wav", AUDIO, "audio/wav")}
    for _ in range(2):
        sent = client.post(f"{page}/audio", data={"nonce": "3", "beep": "start"}, files=file)
        assert sent.status_code == 303, sent.text
    shown = client.get(page)
    assert f'<audio controls preload="none" src="{page}/audio">' in shown.text
    heard = client.get(f"{page}/audio")
    assert (heard.headers["content-type"], heard.content[:4]) == ("audio/wav", b"RIFF")
    assert client.post(f"{page}/publication", data={"nonce": "4", "name": "x"}).status_code == 422
    for nonce, act in (("5", "publication"), ("6", "retirement")):
        answer = client.post(f"{page}/{act}", data={"nonce": nonce, "name": tenant.name})
        assert answer.status_code == 303, answer.text
    assert 'name="text"' not in client.get(page).text
    assert tenant.types().count("notice.published") == 1


def test_publishing_saves_what_is_typed_and_tells_all_that_is_missing(house: House, tenant: Tenant):
    """One form with two buttons; a placeholder is filled in as soon as its words are there."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/notices"
    form = form_of(client.get(f"{path}/new"), path) | {
        "language": "en",
        "audience": "caller",
        "mode": "announce",
    }
    page = client.post(path, data=form | {"controller": "Acme"}).headers["location"].partition("?")[0]
    draft = tenant.url(f"/notices/{page.rpartition('/')[2]}")
    text = tenant.http.get(draft).json()["text"]
    assert "{full_notice}" in text
    assert f'formaction="{page}/check"' in client.get(page).text
    sent = form | {"nonce": "1", "controller": "Acme", "text": text, "refusal": "hang up"}
    early = client.post(f"{page}/check", data=sent)
    assert early.status_code == 422
    for field in ("purposes", "full_notice", "refusal", "text"):
        assert f'id="wrong-{field}"' in early.text, field
    for name in ("full_notice", "words of"):
        assert name not in re.sub(r"<[^>]*>|{full_notice}", "", early.text), name
    assert tenant.http.get(draft).json()["refusal"] == "hang up"
    assert "does not say" not in client.get(page).text
    words = {"purposes": "train staff", "full_notice": "acme.example", "nonce": "2"}
    known = tenant.http.get(draft).json()["text"]
    words["text"] = f"{known} To say no, hang up."
    ready = client.post(f"{page}/check", data=sent | words)
    assert ready.headers["location"] == f"{page}?confirm=publish", ready.text
    saved = tenant.http.get(draft).json()["text"]
    assert "{" not in saved
    assert "acme.example" in saved
    asks = client.get(f"{page}?confirm=publish").text
    assert f'action="{page}/publication"' in asks
    assert f'action="{page}/publication"' not in client.get(page).text
    done = client.post(f"{page}/publication", data={"nonce": "3", "name": tenant.name})
    assert done.headers["location"].endswith("done=notice_published")


def test_a_text_is_bounded_with_what_is_filled_in(tenant: Tenant):
    """Each placeholder of a text of the longest length may stand for 500 characters."""
    draft = {"language": "en", "audience": "caller", "mode": "announce", "purposes": "p" * 500}
    assert (
        tenant.http.post(tenant.url("/notices"), json=draft | {"text": "{purposes}" * 8}).status_code == 201
    )
    long = tenant.http.post(tenant.url("/notices"), json=draft | {"text": "{purposes}" * 9})
    assert (long.status_code, "once its placeholders" in long.text) == (422, True)


def test_a_draft_is_deleted_and_bad_audio_is_said(house: House, tenant: Tenant):
    """Bytes that are no audio give a page, and the draft stays."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/notices"
    form = form_of(client.get(f"{path}/new"), path)
    form |= {"language": "en", "audience": "caller", "mode": "announce"}
    page = client.post(path, data=form).headers["location"].partition("?")[0]
    bad = client.post(
        f"{page}/audio", data={"nonce": "1"}, files={"file": ("a.wav", b"x" * 500, "audio/wav")}
    )
    assert bad.status_code == 422
    assert client.post(f"{page}/audio/removal", data={"nonce": "2"}).status_code == 303
    gone = client.post(f"{page}/deletion", data={"nonce": "3", "name": tenant.name})
    assert gone.headers["location"] == f"{path}?done=notice_deleted"
    assert client.get(page).status_code == 404


def test_an_objection_is_entered_looked_up_and_ended(house: House, tenant: Tenant):
    """The number is in no address, whatever was done with it."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/objections"
    number = "+33612345678"
    form = form_of(client.get(path), path) | {"number": number, "reason": MARKUP}
    wrong = client.post(path, data=form | {"number": "abc"})
    assert (wrong.status_code, 'id="wrong-number"' in wrong.text) == (422, True)
    answers = [client.post(path, data=form) for _ in range(2)]
    found = client.post(f"{path}/search", data={"number": "+33 6 12 34 56 78"})
    assert ("in force" in found.text, MARKUP in found.text) == (True, False)
    ended = client.post(f"{path}/end", data={"nonce": "9", "number": number, "name": tenant.name})
    assert client.post(f"{path}/end", data={"nonce": "8", "number": number, "name": "x"}).status_code == 422
    for answer in (*answers, found, ended):
        assert number[1:] not in str(answer.url) + answer.headers.get("location", "")
    assert "ended by" in client.post(f"{path}/search", data={"number": number}).text
    assert tenant.types().count("objection.entered") == 1


def test_another_accounts_notice_does_not_exist(house: House, tenant: Tenant):
    """Neither its page, nor its audio, nor a form."""
    other = Tenant.open(house.admin)
    draft = {"language": "en", "audience": "caller", "mode": "announce"}
    theirs = other.http.post(other.url("/notices"), json=draft).json()["id"]
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/notices/{theirs}"
    assert [client.get(path + more).status_code for more in ("", "/audio")] == [404, 404]
    for act in ("publication", "retirement", "deletion", "audio/removal"):
        sent = {"nonce": act, "name": tenant.name}
        assert client.post(f"{path}/{act}", data=sent).status_code == 404, act
    assert client.post(path, data=draft | {"nonce": "n"}).status_code == 404


def test_a_form_with_a_file_is_read_to_the_byte():
    """Line breaks and dashes of the file stay; what is no such form is refused."""
    kind, data = "multipart/form-data; boundary=--B", b"\r\n--\r\n----\x00\xff\r\n"
    head = b'----B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    assert read_multipart(kind, head + data + b"\r\n----B--\r\n") == {"file": data}
    bad = [
        ("text/plain", head + data + b"\r\n----B--\r\n"),
        (kind, head + data),
        (kind, b""),
        (kind, b"x" + head + data + b"\r\n----B--\r\n"),
        (kind, b"----B\r\n\r\n\r\n----B--\r\n"),
        (kind, b"----B\r\n" * 100 + b"----B--\r\n"),
    ]
    for content_type, body in bad:
        with pytest.raises(Invalid):
            read_multipart(content_type, body)
