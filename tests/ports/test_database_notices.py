"""Notices as rows, the same on SQLite and PostgreSQL: drafts change, versions never do."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.support.database_rows import NOW, open_account
from tests.support.notice_drafts import notice
from vault.database.interface import Database
from vault.database.stores.consent.notices import SealedPrompt
from vault.domain.notices.notice import text_digest

PROMPT = SealedPrompt(message=bytes(range(256)) * 1875, key_version=1)
LATER = NOW + timedelta(hours=1)


async def draft(database: Database, notice_id: str, **said):
    """Add a draft."""
    made = notice(notice_id, **{"created_at": NOW} | said)
    await database.write(lambda tx: tx.notices.insert(made))
    return made


def publish(database: Database, made, at=LATER):
    """Publish a draft, as the verb does: with the account's lock."""

    def act(tx):
        tx.lock_account(made.account_id, exclusive=True)
        return tx.notices.publish(made, at)

    return database.write(act)


async def test_a_draft_is_read_back_by_its_account(database: Database):
    """As it was, with every field; another account does not see it."""
    made = await draft(database, "ntc_1", places=("FR", "US-WA"), text="Zwei\nZeilen, é")
    assert await database.read(lambda tx: tx.notices.get("acct_a", "ntc_1")) == made
    assert await database.read(lambda tx: tx.notices.by_id("ntc_1")) == made
    assert await database.read(lambda tx: tx.notices.get("acct_b", "ntc_1")) is None
    assert await database.read(lambda tx: tx.notices.by_id("ntc_2")) is None
    assert await database.read(lambda tx: tx.notices.prompt("ntc_1")) is None


async def test_notices_come_newest_first(database: Database):
    """All of an account, or those of one status."""
    old = await draft(database, "ntc_1")
    new = await draft(database, "ntc_2", created_at=LATER)
    same = await draft(database, "ntc_3", created_at=LATER, audience="agent")
    await draft(database, "ntc_9", account_id="acct_b")
    published, _ = await publish(database, new)
    assert await database.read(lambda tx: tx.notices.of_account("acct_a")) == [published, same, old]
    assert await database.read(lambda tx: tx.notices.of_account("acct_a", "draft")) == [same, old]
    assert await database.read(lambda tx: tx.notices.of_account("acct_a", "published")) == [published]
    assert await database.read(lambda tx: tx.notices.of_account("acct_a", "retired")) == []


async def test_audio_belongs_to_a_draft_and_its_text(database: Database):
    """It is kept whole, stays when other fields change, and is not set for what is said otherwise by now."""
    for account in ("acct_a", "acct_b"):
        await open_account(database, account)
    made = await draft(database, "ntc_1")
    audible = replace(made, audio_sha256="ab" * 32, audio_seconds=1.5)
    assert await database.write(lambda tx: tx.notices.set_prompt(audible, PROMPT))
    assert await database.read(lambda tx: tx.notices.by_id("ntc_1")) == audible
    assert await database.read(lambda tx: tx.notices.prompt("ntc_1")) == PROMPT
    placed = replace(audible, places=("BE",))
    assert await database.write(lambda tx: tx.notices.replace_draft(placed))
    assert await database.read(lambda tx: tx.notices.prompt("ntc_1")) == PROMPT
    other = replace(
        placed, text="Other", text_sha256=text_digest("Other"), audio_sha256=None, audio_seconds=None
    )
    assert await database.write(lambda tx: tx.notices.replace_draft(other))
    assert await database.read(lambda tx: tx.notices.by_id("ntc_1")) == other
    assert await database.read(lambda tx: tx.notices.prompt("ntc_1")) is None
    assert not await database.write(lambda tx: tx.notices.set_prompt(audible, PROMPT))
    for otherwise in ({"mode": "tone"}, {"language": "fr"}):
        recorded = replace(other, audio_sha256="ab" * 32, audio_seconds=1.5, **otherwise)
        assert not await database.write(lambda tx, it=recorded: tx.notices.set_prompt(it, PROMPT))
    foreign = replace(other, account_id="acct_b", audio_sha256="ab" * 32)
    assert not await database.write(lambda tx: tx.notices.set_prompt(foreign, PROMPT))
    assert await database.read(lambda tx: tx.notices.prompt("ntc_1")) is None


async def test_what_was_published_never_changes(database: Database):
    """Neither words nor audio, and it cannot be deleted; retired it is the same but for its status."""
    await open_account(database)
    made = replace(await draft(database, "ntc_1"), audio_sha256="ab" * 32, audio_seconds=1.5)
    await database.write(lambda tx: tx.notices.set_prompt(made, PROMPT))
    published, before = await publish(database, made)
    assert published == replace(made, status="published", version=1, published_at=LATER)
    assert before is None
    retired = replace(published, status="retired", retired_at=LATER)
    for expected in (published, retired):
        for change in (
            lambda tx: tx.notices.replace_draft(replace(made, text="Other")),
            lambda tx: tx.notices.set_prompt(made, SealedPrompt(message=b"other", key_version=1)),
            lambda tx: tx.notices.delete_draft("acct_a", "ntc_1"),
        ):
            assert not await database.write(change)
        assert await database.read(lambda tx: tx.notices.by_id("ntc_1")) == expected
        assert await database.read(lambda tx: tx.notices.prompt("ntc_1")) == PROMPT
        await database.write(lambda tx: tx.notices.retire("acct_a", "ntc_1", LATER))
    later = LATER + timedelta(days=1)
    assert not await database.write(lambda tx: tx.notices.retire("acct_a", "ntc_1", later))
    assert await database.read(lambda tx: tx.notices.by_id("ntc_1")) == retired


async def test_only_a_draft_is_deleted_and_only_by_its_account(database: Database):
    """Once; a draft cannot be retired."""
    await draft(database, "ntc_1")
    assert not await database.write(lambda tx: tx.notices.delete_draft("acct_b", "ntc_1"))
    assert not await database.write(lambda tx: tx.notices.retire("acct_a", "ntc_1", LATER))
    assert await database.write(lambda tx: tx.notices.delete_draft("acct_a", "ntc_1"))
    assert not await database.write(lambda tx: tx.notices.delete_draft("acct_a", "ntc_1"))
    assert await database.read(lambda tx: tx.notices.by_id("ntc_1")) is None


async def test_versions_are_counted_by_language_audience_and_mode(database: Database):
    """The next one retires the one before it, and nothing else; a retired one leaves no gap."""
    kinds = [{}, {"language": "fr"}, {"audience": "agent"}, {"mode": "tone"}, {"account_id": "acct_b"}]
    others = []
    for number, kind in enumerate(kinds):
        made = await draft(database, f"ntc_{number}", **kind)
        published, before = await publish(database, made)
        assert (published.version, before) == (1, None)
        others.append(published)
    second, before = await publish(database, await draft(database, "ntc_second"), LATER + timedelta(hours=1))
    assert (second.version, before.id, before.version, before.status) == (2, "ntc_0", 1, "retired")
    assert before.retired_at == LATER + timedelta(hours=1)
    for other in others[1:]:
        assert await database.read(lambda tx, i=other.id: tx.notices.by_id(i)) == other
    await database.write(lambda tx: tx.notices.retire("acct_a", "ntc_second", LATER))
    third, before = await publish(database, await draft(database, "ntc_third"))
    assert (third.version, before) == (3, None)


async def test_versions_published_at_once_are_all_counted(database: Database):
    """Ten drafts of one kind get the versions 1 to 10, and one of them stays published."""
    await open_account(database)
    drafts = [await draft(database, f"ntc_{number}") for number in range(10)]
    done = await asyncio.gather(*(publish(database, one) for one in drafts))
    assert sorted(published.version for published, _ in done) == list(range(1, 11))
    live = await database.read(lambda tx: tx.notices.of_account("acct_a", "published"))
    assert [one.version for one in live] == [10]


async def test_no_version_is_given_twice(database: Database):
    """The database itself refuses a second row of one version; drafts have none, and are many."""
    made = [await draft(database, f"ntc_{number}") for number in range(3)]
    await publish(database, made[0])
    again = replace(made[0], id="ntc_again", status="published", version=1)
    with pytest.raises(IntegrityError):
        await database.write(lambda tx: tx.notices.insert(again))
