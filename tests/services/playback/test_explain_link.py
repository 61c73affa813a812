"""Why a signed link is refused: told to the account whose key signed it, in words that help, and to nobody else."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.service_house import AUDIO, House, blocks_of, with_account
from vault import metrics
from vault.domain.playback.why_refused import CHECK_REASONS
from vault.errors import Invalid, NotFound
from vault.services.playback.explain_link import LinkCheck
from vault.services.playback.link_cuts import CutRequest
from vault.services.playback.link_request import LinkRequest

ME = {"actor": "key_test"}
HEADER = {"alg": "EdDSA", "typ": "JWT"}


async def recorded(house: House, call: str = "a") -> str:
    """Return the id of a recording that can be played."""
    row, _ = await house.vault.ingest.uploads.store(house.account.id, call, "1", blocks_of(AUDIO), **ME)
    await house.settle(row.id)
    return row.id


async def check(house: House, link: str, address: str | None = None) -> LinkCheck:
    """Ask why."""
    return await house.vault.playback.explain_link(house.account.id, link, address=address)


async def opens(house: House, token: str, address: str | None = None) -> bool:
    """Say whether a listener gets a session."""
    try:
        await house.vault.playback.open_links.open(
            token, nonce=secrets.token_hex(8), address=address, agent=""
        )
    except NotFound:
        return False
    return True


#: By reason: how a token is made that is refused for it, of a good minter and a recording that can be played.
WRONG: dict[str, list[Callable[[Minter, str], str]]] = {
    "malformed": [
        lambda minter, recording: minter.token(recording) + "=",
        lambda minter, recording: minter.token_of(minter.claims(recording), HEADER | {"kid": minter.key_id}),
        lambda _minter, recording: recording,
        lambda minter, recording: minter.token(recording, iat=1.5),
        lambda minter, recording: minter.token(recording, net=["10.0.0.0/8"] * 90),
    ],
    "unknown_key": [lambda minter, recording: replace(minter, key_id="lkey_" + "0" * 32).token(recording)],
    "algorithm": [
        lambda minter, recording: minter.token_of(
            minter.claims(recording), {"alg": "ES256", "kid": minter.key_id}
        )
    ],
    "signature": [lambda minter, recording: replace(Minter(), key_id=minter.key_id).token(recording)],
    "audience": [lambda minter, recording: minter.token(recording, aud="https://test.example")],
    "clock": [lambda minter, recording: minter.token(recording, iat=_now() + 600, exp=_now() + 900)],
    "lifetime": [
        lambda minter, recording: minter.token(recording, exp=_now() + 5000),
        lambda minter, recording: minter.token(recording, iat=_now() * 1000, exp=_now() * 1000 + 600_000),
    ],
    "expired": [lambda minter, recording: minter.token(recording, iat=_now() - 600, exp=_now() - 1)],
    "recording": [
        lambda minter, _recording: minter.token("rec_" + "0" * 32),
        lambda minter, _recording: minter.token("", sub=None, ref="a/2"),
    ],
    "limits": [
        lambda minter, recording: minter.token(recording, n=6),
        lambda minter, recording: minter.token(recording, dl=True),
        lambda minter, recording: minter.token(recording, knd="media"),
    ],
}
#: By claim: a value that none may have.
CLAIMS: dict[str, Any] = {
    "iat": "1", "exp": "1", "jti": "short", "sub": "x", "ref": "a", "lsn": "", "n": 0, "knd": "x", "net": [], "dl": 1,
    "aud": None, "unknown": 1,
}  # fmt: skip


def _now() -> int:
    return int(time.time())


@pytest.mark.parametrize("reason", WRONG)
async def test_each_reason_is_said_as_a_listener_meets_it(house: House, reason: str):
    """What the check refuses opens nothing; its words are of the mistake, and not of the token."""
    minter, recording = await registered(house, Minter()), await recorded(house)
    for make in WRONG[reason]:
        token = make(minter, recording)
        found = await check(house, token)
        assert found.reason == reason
        assert found.detail
        assert minter.key_id not in found.detail
        assert not await opens(house, token)


@pytest.mark.parametrize("claim", CLAIMS)
async def test_the_claim_that_is_wrong_is_named(house: House, claim: str):
    """Each of them, also one that is missing, and one that is unknown is not repeated."""
    minter, recording = await registered(house, Minter()), await recorded(house)
    changed = {"sub": None} if claim == "ref" else {}
    token = minter.token(recording, **changed | {"no_claim" if claim == "unknown" else claim: CLAIMS[claim]})
    found = await check(house, token)
    assert (found.reason, found.claim) == ("claims", claim)
    assert "no_claim" not in found.detail
    assert claim == "unknown" or claim in found.detail
    assert not await opens(house, token)


async def test_a_good_link_opens_and_is_not_used_up_by_the_check(either: House):
    """By its address or its token, however often; after its last session it says so."""
    minter, recording = await registered(either, Minter()), await recorded(either)
    token = minter.token(recording, n=1)
    for link in (token, f" https://vault.example/p/{token}#t=1:30 ", f"/p/{token}"):
        found = await check(either, link)
        assert (found.reason, found.claim) == (None, None)
        assert found.expires_at is not None
    assert await either.vault.playback.links.list(either.account.id, recording) == []
    assert await opens(either, token)
    assert (await check(either, token)).reason == "used_up"
    assert not await opens(either, token)


async def test_what_happened_since_it_was_signed_is_said(either: House):
    """Another token with its jti, a cut, networks, a restriction, and a key that was deleted."""
    minter, recording = await registered(either, Minter()), await recorded(either)
    jti = secrets.token_urlsafe(16)
    assert await opens(either, minter.token(recording, jti=jti))
    assert (await check(either, minter.token(recording, jti=jti, n=2))).reason == "reused"
    near = minter.token(recording, net=["192.0.2.0/24"])
    addresses = {None: None, "192.0.2.7": None, "198.51.100.1": "elsewhere"}
    assert {one: (await check(either, near, one)).reason for one in addresses} == addresses
    await either.vault.playback.link_cuts.make(either.account.id, CutRequest(jti=jti), **ME)
    assert (await check(either, minter.token(recording, jti=jti, iat=_now() - 5))).reason == "cut"
    other = await recorded(either, "b")
    await either.vault.recordings.recordings.restrict(
        either.account.id, other, restricted=True, reason=None, **ME
    )
    # A restriction cuts what was minted before it, with the clock of the signer ahead too.
    assert (await check(either, minter.token(other, iat=_now() + 30))).reason == "cut"
    await either.vault.playback.link_keys.delete(either.account.id, "crm", **ME)
    assert (await check(either, minter.token(recording))).reason in {"unknown_key", "cut"}


async def test_a_media_link_goes_on_with_its_session(house: House):
    """Its one session is no reason against it, until that has ended."""
    minter, recording = await registered(house, Minter(), kinds=("media",)), await recorded(house)
    token = minter.token(recording, knd="media", exp=_now() + 2)
    session, _ = await house.vault.playback.open_links.open_media(token, address=None, agent="")
    assert (await check(house, token)).reason is None
    later = replace(house.vault.playback.explain_link, clock=lambda: session.ends_at + timedelta(seconds=1))
    assert (await later(house.account.id, token, address=None)).reason == "used_up"


async def test_another_account_learns_nothing(house: House):
    """Whatever state a link is in: to a stranger its key does not exist."""
    minter, recording = await registered(house, Minter()), await recorded(house)
    used = minter.token(recording, n=1)
    assert await opens(house, used)
    tokens = [
        used,
        minter.token(recording),
        minter.token("rec_" + "0" * 32),
        minter.token(recording, dl=True),
    ]
    tokens += [
        minter.token(recording, exp=_now() + 5000),
        replace(Minter(), key_id=minter.key_id).token(recording),
    ]
    invented = minter.token_of(minter.claims(recording), {"alg": "EdDSA", "kid": "lkey_" + "1" * 32})
    stranger = await with_account(house, "stranger")
    answers = [await check(stranger, token) for token in [*tokens, invented]]
    assert answers == [answers[0]] * len(answers)
    assert answers[0].reason == "unknown_key"


async def test_a_link_of_the_vaults_own_is_not_looked_up(house: House):
    """The links of its recording show it; whether there is such a link is not said here."""
    recording = await recorded(house)
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=1)
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, **ME)
    assert (await check(house, token.text)).reason == "not_signed"


async def test_a_check_counts_as_no_refusal_and_makes_no_event(house: House):
    """A developer's tries are not an attack, and leave nothing behind."""
    minter, recording = await registered(house, Minter()), await recorded(house)
    events, count = await house.events(), metrics.LINKS_REFUSED.labels("expired")._value.get()
    assert (await check(house, minter.token(recording, iat=_now() - 600, exp=_now() - 1))).reason == "expired"
    assert metrics.LINKS_REFUSED.labels("expired")._value.get() == count
    assert await house.events() == events
    with pytest.raises(Invalid) as caught:
        await check(house, minter.token(recording), "nowhere")
    assert caught.value.field == "address"


def test_every_reason_has_a_test_here():
    """A later reason is met by a test, and has words."""
    said = {*WRONG, "claims", "used_up", "reused", "cut", "elsewhere", "not_signed"}
    assert said == {*CHECK_REASONS}
