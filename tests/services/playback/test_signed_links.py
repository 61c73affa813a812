"""What signed and own tokens cost, and that they hold on many nodes: on both databases."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.counts import count
from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.parties import let_in
from tests.support.rotation import finish, rotate
from tests.support.service_house import House, another_node, new_house, node_on
from tests.support.statement_counts import counted
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.domain.ids import Token
from vault.domain.playback.link import windows
from vault.domain.playback.own_token import TokenKey
from vault.errors import NotFound, TooMany
from vault.rfc3339 import write_rfc3339
from vault.services.playback.link_cuts import CutRequest
from vault.services.playback.link_request import LinkRequest
from vault.services.playback.verify_link_token import OPAQUE_BURST, OPAQUE_UNTIL
from vault.services.shared import peer_keys
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults

WISH = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=5)
ACTOR = {"actor": "key_test"}


@contextmanager
def second_node(house: House, folder: Path, threads: Threads) -> Iterator[Any]:
    """Yield another node of the same vault; on PostgreSQL it has connections of its own."""
    if not isinstance(house.database, PostgresqlDatabase):
        yield another_node(house, folder, threads)
        return
    database = PostgresqlDatabase(house.database._pool._url)
    try:
        yield node_on(house, database, folder, threads)
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def shared(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault on either database."""
    database = None
    if request.param == "postgresql":
        request.getfixturevalue("postgresql_server")
        database = PostgresqlDatabase(request.getfixturevalue("migrated_url"))
    async with new_house(tmp_path, threads, database) as house:
        yield house


async def opened(house: House, token: str, nonce: str | None = None) -> str | None:
    """Open a link; return the session's id, or None if it does not open."""
    try:
        found = await house.vault.playback.open_links.open(
            token, nonce=nonce or secrets.token_hex(8), address="192.0.2.1", agent=""
        )
    except NotFound:
        return None
    return found.session.id


async def drain(blocks: AsyncIterator[bytes], heard: list[int]) -> None:
    """Note the length of each block until the stream ends."""
    async for block in blocks:
        heard.append(len(block))  # noqa: PERF401 - what came before the error is kept


async def previewed(house: House, token: str) -> bool:
    """Say whether a link shows its page."""
    try:
        await house.vault.playback.open_links.preview_link(token, address="192.0.2.1")
    except NotFound:
        return False
    return True


def forged(token: str, good: str) -> list[str]:
    """Return the token with every single character changed to others."""
    changed = [
        token[:place] + other + token[place + 1 :]
        for place, one in enumerate(token)
        for other in {chr(ord(one) ^ 1), "A", "_", "~"} - {one}
    ]
    return [one for one in changed if one not in {token, good}]


async def test_no_forged_token_reaches_the_database(shared: House, monkeypatch: pytest.MonkeyPatch):
    """Every change of a character, tokens of strangers, of other vaults and of deleted ids: 0 statements."""
    recording = await let_in(shared, "r", call_ref="c")
    minter = await registered(shared, Minter())
    signed = minter.token(recording)
    assert await previewed(shared, signed)  # From here on the key is in memory.
    _, own = await shared.vault.playback.links.create(shared.account.id, recording, WISH, **ACTOR)
    strangers = [
        Minter(key_id=minter.key_id).token(recording), Minter().token(recording),
        Minter(key_id="lkey_" + "ab" * 16).token(recording), TokenKey(b"another vault").new_token().text,
        Token.new().text, "", "x", "x" * 5000, minter.token(recording, aud="x"),
    ]  # fmt: skip
    # Whether accounts came from other vaults is read at most once in some seconds.
    monkeypatch.setattr(peer_keys, "TTL", 600.0)
    await opened(shared, TokenKey(b"another vault").new_token().text)
    await previewed(shared, Token.new().text)  # Whether there are links of an earlier release is read once.
    with counted(shared.database) as counts:
        for token in [*forged(signed, signed), *forged(own.text, own.text), *strangers]:
            await asyncio.sleep(0)  # Nothing below waits: without it, the loop would stand still.
            assert await opened(shared, token) is None, token
            assert await shared.vault.playback.open_links.resume(token, {"sess_1": "s"}) is None
        assert await opened(shared, minter.token(recording, exp=1, iat=0)) is None
    assert (counts.statements, counts.transactions) == (0, 0)
    assert await opened(shared, signed)
    assert await opened(shared, own.text)


async def test_an_id_that_was_given_out_is_looked_up_once(shared: House):
    """A key whose row is missing costs one look-up in five seconds, however many tokens name it."""
    recording = await let_in(shared, "r", call_ref="c")
    minter = Minter(key_id=shared.vault.playback.link_keys.verifier.new_key_id())
    with counted(shared.database) as counts:
        for _ in range(50):
            assert not await previewed(shared, minter.token(recording))
    assert counts.transactions == 1


async def test_one_jti_opens_once_over_two_nodes(shared: House, tmp_path: Path, threads: Threads):
    """50 opens concurrently over two nodes with their own connections: one session, each time."""
    recording = await let_in(shared, "r", call_ref="c")
    minter = await registered(shared, Minter())
    with second_node(shared, tmp_path, threads) as other:
        for _ in range(count("opens at once", small=8, full=200)):
            token = minter.token(recording, n=1)
            answers = await asyncio.gather(
                *(opened(node, token) for _ in range(25) for node in (shared, other))
            )
            assert len({one for one in answers if one is not None}) == 1
            assert sum(one is not None for one in answers) == 1


async def test_a_cut_ends_what_another_node_plays_within_one_window(
    shared: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    """What was minted before opens nowhere; its audio ends with the window that is already granted."""
    monkeypatch.setattr("vault.domain.playback.link.FIRST_WINDOW", 200)
    recording = await let_in(shared, "r", call_ref="c")
    minter, ago = await registered(shared, Minter()), int(datetime.now(UTC).timestamp()) - 30
    token, later = (minter.token(recording, lsn="agent-7", iat=ago + add) for add in (0, 60))
    with second_node(shared, tmp_path, threads) as other:
        found = await other.vault.playback.open_links.open(token, nonce="n", address="192.0.2.1", agent="")
        playing = await other.vault.playback.audio.for_session(found.session, await shared.row(recording))
        blocks = await other.vault.playback.audio.stream(playing, 0, playing.size)
        heard = [len(await anext(blocks))]
        cut = CutRequest(listener="agent-7", minted_before=datetime.now(UTC))
        await shared.vault.playback.link_cuts.make(shared.account.id, cut, **ACTOR)
        with pytest.raises(NotFound):
            await drain(blocks, heard)
        granted = [last for _, last in windows(0, playing.size)]
        assert len(granted) > 3
        assert sum(heard) <= granted[1]
        assert await opened(other, minter.token(recording, lsn="agent-7", iat=ago)) is None
        assert await opened(other, minter.token(recording, lsn="agent-8", iat=ago)) is not None
        assert await opened(other, later) is not None


@pytest.mark.parametrize("named", ["listener", "recording", "account"])
async def test_revoking_all_links_also_ends_those_that_nobody_opened(
    shared: House, tmp_path: Path, threads: Threads, named: str
):
    """In the same act, on every node: what a customer had signed until then, by a clock that is ahead too."""
    recording = await let_in(shared, "r", call_ref="c")
    minter, ago = await registered(shared, Minter()), int(datetime.now(UTC).timestamp()) - 30
    unseen, used, foreign = (minter.token(recording, lsn=name, iat=ago) for name in ("Kim", "Kim", "Lee"))
    _, own = await shared.vault.playback.links.create(
        shared.account.id, recording, replace(WISH, listener="Kim"), **ACTOR
    )
    assert await opened(shared, used)
    which = {"listener": None, "recording_id": None} | {
        "listener": {"listener": "kim"},
        "recording": {"recording_id": recording},
        "account": {},
    }[named]
    with second_node(shared, tmp_path, threads) as other:
        assert await other.vault.playback.links.revoke_all(shared.account.id, **which, **ACTOR) == 2
        assert [
            await opened(node, token) for node in (shared, other) for token in (unseen, used, own.text)
        ] == 6 * [None]
        assert (await opened(other, foreign) is None) == (named != "listener")
        assert await opened(other, minter.token(recording, lsn="Kim", iat=ago + 60)) is None
        _, own = await shared.vault.playback.links.create(shared.account.id, recording, WISH, **ACTOR)
        assert await opened(other, own.text)
    assert (await shared.events()).count("link.cut") == 1


async def test_a_cut_and_an_open_do_not_pass_each_other(shared: House):
    """Whichever is first: after both, no session of what was cut is open."""
    recording = await let_in(shared, "r", call_ref="c")
    minter, ago = await registered(shared, Minter()), int(datetime.now(UTC).timestamp()) - 30
    for number in range(count("cuts beside an open", small=10, full=200)):
        token = minter.token(recording, lsn=f"agent-{number}", iat=ago)
        wish = CutRequest(listener=f"agent-{number}")
        session, _ = await asyncio.gather(
            opened(shared, token), shared.vault.playback.link_cuts.make(shared.account.id, wish, **ACTOR)
        )
        assert await opened(shared, token) is None
        if session is not None:
            known = await shared.database.read(lambda tx, session=session: tx.links.session(session))
            link = await shared.database.read(
                lambda tx, known=known: tx.links.get(shared.account.id, known[0].link_id)
            )
            assert link.revoked_at is not None


async def test_a_deleted_key_is_dead_on_a_node_that_has_it_in_memory(
    shared: House, tmp_path: Path, threads: Threads
):
    """The cached key is never asked whether it still signs."""
    recording = await let_in(shared, "r", call_ref="c")
    minter, other = await registered(shared, Minter()), another_node(shared, tmp_path, threads)
    assert await opened(other, minter.token(recording))
    await shared.vault.playback.link_keys.delete(shared.account.id, "crm", **ACTOR)
    assert await opened(other, minter.token(recording)) is None
    assert not await previewed(other, minter.token(recording))


async def test_a_rotation_reaches_links_that_were_signed(shared: House):
    """The listener of a used link is opened after the key that sealed it is destroyed, and new ones open."""
    recording = await let_in(shared, "r", call_ref="c")
    minter = await registered(shared, Minter())
    assert await opened(shared, minter.token(recording, lsn="agent-7"))
    await rotate(shared)
    ring: Any = shared.vault.jobs.rewrap.ring
    ring._current[shared.account.id] = (1, ring.now() + 300)  # What a node believes that has not heard of it.
    assert await opened(shared, minter.token(recording, lsn="agent-8"))
    await finish(shared)
    listed = await shared.vault.playback.links.list(shared.account.id, recording)
    assert {listener for _, listener in listed} == {"agent-7", "agent-8"}


async def test_links_of_an_earlier_release_open_until_they_end(shared: House):
    """Their tokens are looked up only while such links can exist, and not without bound."""
    recording = await let_in(shared, "r", call_ref="c")
    link, _ = await shared.vault.playback.links.create(shared.account.id, recording, WISH, **ACTOR)
    token = Token.new()
    old = replace(link, id="link_" + "0" * 32)
    await shared.database.write(lambda tx: tx.links.insert(old, token.digest))
    assert await opened(shared, token.text) is None  # This vault was never of such a release.
    until = write_rfc3339(datetime.now(UTC) + timedelta(hours=1)).encode()
    await shared.database.write(lambda tx: tx.metadata.put({OPAQUE_UNTIL: until}))
    verifier = shared.vault.playback.open_links.verifier
    verifier._state.opaque_read = False  # What a process does that starts now.
    assert await opened(shared, token.text)
    asked = [verifier.check(Token.new().text) for _ in range(int(OPAQUE_BURST) + 60)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert any(isinstance(answer, TooMany) for answer in answers)
    verifier._state.opaque_until = datetime.now(UTC)
    with pytest.raises(NotFound):
        await verifier.check(token.text)
