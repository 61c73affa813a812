"""Notices over HTTP: drafted, heard, published, and fetched by anybody."""

import hashlib

import httpx
import numpy as np
import pytest

from tests.support.corpus import decode, encode, tones
from tests.support.notice_drafts import ELEMENTS, TEXT
from tests.support.tenant import Tenant, tone
from tests.support.web_house import House
from vault.domain.notices.audio import MAX_UPLOAD

NOTICE = {"language": "en", "audience": "caller", "mode": "announce", **ELEMENTS, "text": TEXT}
SPEECH = tone(1.0)


def drafted(tenant: Tenant, **said) -> dict:
    """Draft a notice."""
    answer = tenant.http.post(tenant.url("/notices"), json=NOTICE | said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def sounding(tenant: Tenant, **said) -> dict:
    """Draft a notice with audio, and publish it."""
    notice = drafted(tenant, **said)
    path = tenant.url(f"/notices/{notice['id']}")
    assert tenant.http.put(f"{path}/audio", content=SPEECH).status_code == 200
    published = tenant.http.post(f"{path}/publish")
    assert published.status_code == 200, published.text
    return tenant.http.get(path).json()


def test_a_notice_goes_from_draft_to_published(house: House, tenant: Tenant):
    """Its JSON says what it is at every step, and where its audio is once it is published."""
    said = {name: value for name, value in NOTICE.items() if name not in ("text", "refusal")}
    draft = drafted(tenant, **(said | {"refusal": "", "places": ["fr", "US-wa"], "text": TEXT}))
    assert (draft["status"], draft["places"], draft.get("version")) == ("draft", ["FR", "US-WA"], None)
    assert draft["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    path = tenant.url(f"/notices/{draft['id']}")
    assert house.admin.get(path).json()["id"] == draft["id"]
    changed = house.admin.put(path, json=NOTICE)
    assert changed.json()["refusal"] == ELEMENTS["refusal"]
    heard = house.admin.put(f"{path}/audio", content=SPEECH, params={"beep": "start", "beep_seconds": 0.3})
    assert heard.json()["audio_seconds"] == pytest.approx(0.2 + 0.3 + 0.2 + 1.0 + 0.2)
    assert heard.json()["audio_url"] is None
    published = house.admin.post(f"{path}/publish").json()
    assert (published["status"], published["version"]) == ("published", 1)
    assert published["audio_url"] == f"{house.url}/notices/{draft['id']}/prompt.wav"
    second = sounding(tenant)
    assert second["version"] == 2
    listed = house.admin.get(tenant.url("/notices")).json()
    assert [(one["id"], one["status"]) for one in listed["items"]] == [
        (second["id"], "published"),
        (draft["id"], "retired"),
    ]
    only = house.admin.get(tenant.url("/notices"), params={"status": "retired"}).json()["items"]
    assert [one["id"] for one in only] == [draft["id"]]
    retired = house.admin.post(tenant.url(f"/notices/{second['id']}/retire")).json()
    assert (retired["status"], retired["version"]) == ("retired", 2)
    assert retired["retired_at"].endswith("Z")
    assert [kind for kind in tenant.types() if kind.startswith("notice.")] == [
        *("notice.drafted", "notice.changed", "notice.changed", "notice.published"),
        *("notice.drafted", "notice.changed", "notice.published", "notice.retired", "notice.retired"),
    ]


def test_a_text_that_is_left_out_is_the_default_one(tenant: Tenant):
    """In the language, for the audience and the mode, with what was said filled in."""
    said = {name: value for name, value in NOTICE.items() if name not in ("text", "refusal")}
    answer = tenant.http.post(
        tenant.url("/notices"), json=said | {"language": "fr-CA", "mode": "opt_out_key"}
    )
    assert answer.json()["text"].startswith(
        "Cet appel est enregistré par Acme Limited pour la finalité suivante"
    )
    assert answer.json()["refusal"] == "appuyez maintenant sur 9"
    answer = tenant.http.post(tenant.url("/notices"), json=said | {"language": "nl"})
    assert (answer.status_code, answer.json()["field"]) == (422, "text")


def test_the_same_request_drafts_one_notice(house: House, tenant: Tenant):
    """With an Idempotency-Key; publishing again with the same key is the same answer, and not a refusal."""
    key = {"Idempotency-Key": "one draft"}
    answers = [house.admin.post(tenant.url("/notices"), json=NOTICE, headers=key) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len(house.admin.get(tenant.url("/notices")).json()["items"]) == 1
    path = tenant.url(f"/notices/{answers[0].json()['id']}/publish")
    answers = [house.admin.post(path, headers={"Idempotency-Key": "one version"}) for _ in range(2)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert house.admin.post(path).status_code == 409


#: What keeps a notice from being published, and the field that is named.
INCOMPLETE = [
    *(({element: ""}, element) for element in ELEMENTS if element != "retention"),
    ({"retention": "", "places": ["FR", "BE"]}, "retention"),
    *(({"text": TEXT.replace(words, "something")}, element) for element, words in ELEMENTS.items()),
    ({"text": TEXT + " {retention}", "retention": ""}, "text"),
    ({"mode": "tone"}, "audio"),
]


@pytest.mark.parametrize(("said", "field"), INCOMPLETE, ids=range(len(INCOMPLETE)))
def test_what_is_missing_is_422_and_named(tenant: Tenant, said: dict, field: str):
    """Each element that is empty or not in the text, a placeholder that was left, a tone without its audio."""
    notice = drafted(tenant, **said)
    answer = tenant.http.post(tenant.url(f"/notices/{notice['id']}/publish"))
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert tenant.http.get(tenant.url(f"/notices/{notice['id']}")).json()["status"] == "draft"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"language": "english language"}, "language"),
        ({"audience": "listener"}, "audience"),
        ({"mode": "none"}, "mode"),
        ({"places": ["France"]}, "places"),
        ({"places": ["F1"]}, "places"),
        ({"controller": "a" * 501}, "controller"),
        ({"purposes": "a\u0007b"}, "purposes"),
        ({"text": ""}, "text"),
        ({"text": "a" * 4001}, "text"),
        ({"text": "a\rb"}, "text"),
        ({"version": 7}, "version"),
    ],
)
def test_a_wrong_field_is_422_and_named(tenant: Tenant, said: dict, field: str):
    """By POST and by PUT, and nothing is drafted."""
    notice = drafted(tenant)
    for method, path in (("POST", "/notices"), ("PUT", f"/notices/{notice['id']}")):
        answer = tenant.http.request(method, tenant.url(path), json=NOTICE | said)
        assert answer.status_code == 422, answer.text
        named = answer.json().get("field") or ",".join(one["field"] for one in answer.json()["errors"])
        assert field in named
    assert len(tenant.http.get(tenant.url("/notices")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"beep": "middle"}, "beep"),
        ({"beep_hz": "20"}, "beep_hz"),
        ({"beep_seconds": "nan"}, "beep_seconds"),
        ({"lead_seconds": "-1"}, "lead_seconds"),
        ({"level_dbfs": "0"}, "level_dbfs"),
        ({"volume": "11"}, "volume"),
        ({"tone_only": "true"}, "tone_only"),
    ],
)
def test_a_wrong_option_is_422_and_named(tenant: Tenant, asked: dict, field: str):
    """Also one that is not an option at all."""
    notice = drafted(tenant)
    answer = tenant.http.put(tenant.url(f"/notices/{notice['id']}/audio"), content=SPEECH, params=asked)
    assert answer.status_code == 422, answer.text
    named = answer.json().get("field") or ",".join(one["field"] for one in answer.json()["errors"])
    assert field in named


def test_what_was_published_is_409(tenant: Tenant):
    """For every change, with the reason; it is still what it was."""
    notice = sounding(tenant)
    path = tenant.url(f"/notices/{notice['id']}")
    for answer in (
        tenant.http.put(path, json=NOTICE | {"text": "Other"}),
        tenant.http.delete(path),
        tenant.http.put(f"{path}/audio", content=SPEECH),
        tenant.http.delete(f"{path}/audio"),
        tenant.http.post(f"{path}/publish"),
    ):
        assert (answer.status_code, answer.json()["reasons"]) == (409, ["published"])
    assert tenant.http.get(path).json() == notice
    draft = drafted(tenant)
    retired = tenant.http.post(tenant.url(f"/notices/{draft['id']}/retire"))
    assert (retired.status_code, retired.json()["reasons"]) == (409, ["draft"])
    assert tenant.http.delete(tenant.url(f"/notices/{draft['id']}")).status_code == 204
    assert tenant.http.get(tenant.url(f"/notices/{draft['id']}")).status_code == 404


def test_audio_is_refused_with_its_reason(tenant: Tenant):
    """Text, silence and too much of it are 422; more bytes than 5 MiB are 413 before they are looked at."""
    path = tenant.url(f"/notices/{drafted(tenant)['id']}/audio")
    for content, words in (
        (b"<html>403 Forbidden</html>", "not audio"),
        (b"", "empty"),
        (tone(31.0), "30 seconds"),
        (SPEECH[:44] + bytes(16000), "below -50 dBFS"),
    ):
        answer = tenant.http.put(path, content=content)
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["detail"]
    assert tenant.http.put(path, content=bytes(MAX_UPLOAD + 1)).status_code == 413
    assert tenant.http.put(path, content=iter([bytes(MAX_UPLOAD), b"x"])).status_code == 413
    # More than other bodies may have.
    assert tenant.http.put(path, content=encode("wav", "pcm_f32le", tones(20.0))).status_code == 200
    assert tenant.http.delete(path).status_code == 204
    assert tenant.http.get(path).status_code == 404


def test_anybody_fetches_what_was_published(house: House, tenant: Tenant, stranger: httpx.Client):
    """As PCM16 and as µ-law, to be kept for ever; its digest is in the notice, and a draft is not there."""
    draft = drafted(tenant)
    audio = tenant.url(f"/notices/{draft['id']}/audio")
    assert house.admin.put(audio, content=SPEECH).status_code == 200
    url = f"/notices/{draft['id']}/prompt.wav"
    assert stranger.get(url).status_code == 404
    assert house.admin.get(url).status_code == 404
    assert house.admin.post(tenant.url(f"/notices/{draft['id']}/publish")).status_code == 200
    pcm, ulaw = stranger.get(url), stranger.get(url, params={"encoding": "ulaw"})
    for answer in (pcm, ulaw):
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert pcm.content == stranger.get(url, params={"encoding": "pcm"}).content
    assert pcm.content == house.admin.get(audio).content
    assert ulaw.content == house.admin.get(audio, params={"encoding": "ulaw"}).content
    notice = house.admin.get(tenant.url(f"/notices/{draft['id']}")).json()
    assert notice["audio_sha256"] == hashlib.sha256(pcm.content).hexdigest()
    assert len(pcm.content) == 44 + 2 * 11200
    assert len(ulaw.content) == 58 + 11200
    apart = decode(pcm.content).astype(int) - decode(ulaw.content)
    assert np.abs(apart).max() <= 1024
    house.admin.post(tenant.url(f"/notices/{draft['id']}/retire"))
    assert stranger.get(url).content == pcm.content


def test_a_prompt_is_not_sent_again_to_whom_has_it(tenant: Tenant, stranger: httpx.Client):
    """If-None-Match with its ETag is 304 without a body; HEAD says what GET would."""
    url = f"/notices/{sounding(tenant)['id']}/prompt.wav"
    full = stranger.get(url)
    tag = full.headers["etag"]
    for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = stranger.get(url, headers={"If-None-Match": said})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert answer.headers["cache-control"] == full.headers["cache-control"]
    for said in ('"other"', tag.strip('"'), ""):
        assert stranger.get(url, headers={"If-None-Match": said}).status_code == 200
    ulaw = stranger.get(url, params={"encoding": "ulaw"}, headers={"If-None-Match": tag})
    assert ulaw.status_code == 200
    head = stranger.head(url)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert head.headers["content-length"] == str(len(full.content))
    assert head.headers["content-type"] == "audio/wav"


def test_a_prompt_that_is_not_there_is_404(tenant: Tenant, stranger: httpx.Client):
    """Unknown, without audio, or asked for in an encoding that there is not: never a word about which account."""
    silent = drafted(tenant)
    tenant.http.post(tenant.url(f"/notices/{silent['id']}/publish"))
    unknown = stranger.get(f"/notices/ntc_{'0' * 32}/prompt.wav")
    mute = stranger.get(f"/notices/{silent['id']}/prompt.wav")
    assert (unknown.status_code, mute.status_code, mute.content) == (404, 404, unknown.content)
    assert "immutable" not in mute.headers["cache-control"]
    wrong = stranger.get(f"/notices/{sounding(tenant)['id']}/prompt.wav", params={"encoding": "mp3"})
    assert wrong.status_code == 422


def test_another_accounts_notice_looks_like_none(house: House, tenant: Tenant):
    """With a key for one account: the same 404 for a notice of another as for one that never was."""
    theirs, mine = sounding(tenant), Tenant.open(house.admin)
    client = house.client(house.key_for(mine.name, "*"))
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", NOTICE),
        ("DELETE", "", None),
        ("GET", "/audio", None),
        ("PUT", "/audio", None),
        ("DELETE", "/audio", None),
        ("POST", "/publish", None),
        ("POST", "/retire", None),
    ):
        more = {"json": body} if body else {"content": SPEECH} if method == "PUT" else {}
        foreign = client.request(method, mine.url(f"/notices/{theirs['id']}{path}"), **more)
        unknown = client.request(method, mine.url(f"/notices/ntc_0{path}"), **more)
        assert (foreign.status_code, foreign.content) == (404, unknown.content), (method, path)
    assert house.admin.get(tenant.url(f"/notices/{theirs['id']}")).json() == theirs
