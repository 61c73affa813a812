"""Gives an archive what the pages of the console count and list: states, classes, holds, links and ended calls."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import text

from bench.archive import SERIES, id_of_old, let_planner_look, without_hurry
from bench.stage import ACCOUNT, share
from vault.domain.recordings.recording import RecordingFilter
from vault.services.service import Vault

#: Rows changed in one transaction.
_STEP: Final = 5_000
#: The number of an old row, from its ``call_ref``; NULL for a new one.
_N: Final = "(CASE WHEN call_ref LIKE 'old-%' THEN CAST(substr(call_ref, 5) AS INTEGER) END)"
#: What is different in each hundred old rows. Among 1,000 each list of one state has more than a page, as among more.
_STATES: Final = f"""
UPDATE recordings SET
  state = CASE WHEN {_N} % 100 BETWEEN 1 AND 6 THEN 'quarantined' WHEN {_N} % 100 = 7 THEN 'failed'
               WHEN {_N} % 100 BETWEEN 8 AND 13 THEN 'refused' WHEN {_N} % 100 BETWEEN 14 AND 19 THEN 'received'
               ELSE state END,
  reasons = CASE WHEN {_N} % 100 BETWEEN 8 AND 11
                 THEN '[{{"code": "notice_missing", "text": "No notice.", "source": ""}}]'
                 WHEN {_N} % 100 IN (12, 13) THEN '[{{"code": "switched_off", "text": "Off.", "source": ""}}]'
                 ELSE reasons END,
  quarantined_until = CASE WHEN {_N} % 100 BETWEEN 1 AND 6 THEN received_at + 86400000000 * ({_N} % 40) END,
  holds = CASE WHEN {_N} % 100 BETWEEN 20 AND 25 THEN 1 ELSE 0 END,
  retention_class = CASE WHEN {_N} % 10 = 0 THEN 'quality' END
 WHERE id BETWEEN :first_id AND :last_id AND ({_N} % 100 BETWEEN 1 AND 25 OR {_N} % 10 = 0)
"""  # noqa: S608 - our own text
#: Reports of the end of each call whose recording no list shows: the copies cannot be opened. Of the newest calls there
#: are two, so that a thousand calls have as many reports as a page looks at.
_FACTS: Final = """
INSERT INTO call_facts
    (id, account_id, call_ref, delivery, at, started_at, ended_at, sealed_facts, key_version, month_key)
SELECT 'fact_' || n || part, account_id, 'old-' || n, 'old-' || n || part, at, started_at,
       at - 7200000000 - 1000 * n, sealed_facts, key_version, month_key
  FROM call_facts, {series}, (SELECT 'a' AS part UNION ALL SELECT 'b') parts
 WHERE delivery = :like AND n % 10 > 0 AND n % 100 > 25 AND (part = 'a' OR n <= 1000)
"""
_LINKS: Final = """
INSERT INTO links SELECT {columns} FROM links, {series} WHERE id = :like AND n % 10 = 0
"""
_OWN_LINK: Final = {
    "id": "'link_' || n",
    "token_hash": {"sqlite": "randomblob(32)", "postgresql": "decode(md5(n::text) || md5(n::text), 'hex')"},
    # Before all of the others, which take a while to make.
    "created_at": "created_at - 3600000000 - 1000 * n",
    "recording_id": {"sqlite": "printf('rec_%032x', n)", "postgresql": "'rec_' || lpad(to_hex(n), 32, '0')"},
}


async def furnish(vault: Vault) -> str:
    """Change the rows of an archive that ``fill`` made; return the id of a recording that can be played."""
    account = await vault.accounts.accounts.find(ACCOUNT)
    (view, *_) = await vault.recordings.recordings.page(
        account.id, RecordingFilter(), number=None, agent=None, before=None, limit=1
    )
    await share(vault, view.recording, 60)
    last = await vault.database.read(_number_of_old_rows)
    for first in range(1, last + 1, _STEP):
        span = {"first": first, "last": min(first + _STEP - 1, last)}
        await vault.database.write(partial(_furnish, span=span))
    await let_planner_look(vault)
    return view.recording.id


def _number_of_old_rows(tx: Any) -> int:
    return int(
        tx.connection.execute(
            text("SELECT count(*) FROM recordings WHERE call_ref LIKE 'old-%'")
        ).scalar_one()
    )


def _furnish(tx: Any, *, span: Mapping[str, int]) -> None:
    """Change the old rows whose numbers are in ``span``, and add their facts and links."""
    without_hurry(tx)
    connection, dialect = tx.connection, tx.connection.dialect.name
    states = (
        _STATES
        if dialect == "sqlite"
        else _STATES.replace("ELSE reasons END", "ELSE reasons::text END::json")
    )
    ids = {f"{name}_id": id_of_old(number) for name, number in span.items()}
    connection.execute(text(states), ids)
    like = connection.execute(text("SELECT delivery FROM call_facts ORDER BY at LIMIT 1")).scalar_one()
    connection.execute(text(_FACTS.format(series=SERIES[dialect])), {**span, "like": like})
    names = connection.execute(text("SELECT * FROM links LIMIT 0")).keys()
    own = [one if isinstance(one := _OWN_LINK.get(name, name), str) else one[dialect] for name in names]
    like = connection.execute(text("SELECT id FROM links ORDER BY created_at DESC, id LIMIT 1")).scalar_one()
    links = _LINKS.format(columns=", ".join(own), series=SERIES[dialect])
    connection.execute(text(links), {**span, "like": like})
