"""A process that dies anywhere in a back-fill repeats one recording at most, and counts each once."""

from contextlib import suppress
from dataclasses import replace

from tests.services.recordings.test_back_fills import BODY, NOTHING, begin, counts, earlier, run
from tests.services.recordings.test_card_data import service
from tests.services.recordings.test_card_numbers_removed import is_clean
from tests.support.mortal import Killed, Life, Mortal
from tests.support.parties import ME
from tests.support.service_house import House
from vault.errors import Unavailable


async def test_killed_anywhere_it_goes_on(either: House):
    """Before and after every call of store and database: each recording is searched, and counted once."""
    steps = 0
    whole = either.vault.jobs.run_back_fills
    while True:
        await service(either).set_policy(either.account.id, "off", **ME)
        (card,) = await earlier(either, BODY, name=f"old-{steps}")
        await begin(either)
        life = Life(steps)
        objects, database = Mortal(whole.redact.objects, life), Mortal(whole.database, life)
        describe = replace(whole.describe, objects=objects)
        remove = replace(whole.redact.remove, objects=objects, describe=describe)
        mortal = replace(
            whole,
            database=database,
            describe=describe,
            redact=replace(whole.redact, objects=objects, database=database, remove=remove),
        )
        with suppress(Killed, Unavailable):
            await mortal()
        heard = await either.heard(card)
        assert heard == BODY or is_clean(heard)
        await either.database.write(
            lambda tx: tx.connection.exec_driver_sql(
                "UPDATE card_data_back_fills SET not_before = 0 WHERE not_before IS NOT NULL"
            )
        )
        done = await run(either)
        assert (done.state, done.searched) == ("done", 1)
        assert counts(done) == NOTHING | {"removed": 1}
        assert is_clean(await either.heard(card))
        await either.sweep(scan=False)
        named = (await either.row(card)).locations
        assert [key for key in either.audio_objects() if f"/{card}/" in key] == sorted(named)
        if not life.dead:
            break
        # So that each back-fill has one recording to search.
        await either.vault.recordings.recordings.erase(either.account.id, card, **ME)
        steps += 1
    assert steps > 10
