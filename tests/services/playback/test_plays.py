"""Whether a link plays a recording in its state: the same in SQL, for the hot statements, as in Python."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

from sqlalchemy import text

from tests.support.service_house import House
from vault.database.stores.hot.statements import PLAYS
from vault.domain.playback.link import Kind, Purpose
from vault.domain.recordings.recording import State
from vault.services.playback.link_request import LinkRequest

#: One row as each hot statement meets it: a recording r and a link l of it.
QUERY = text(
    f"SELECT coalesce({PLAYS}, false) FROM (SELECT cast(:state AS varchar) AS state,"  # noqa: S608 - our own rule
    " cast(:restricted AS boolean) AS restricted) r, (SELECT cast(:plays_restricted AS boolean) AS plays_restricted,"
    " cast(:purpose AS varchar) AS purpose, cast(:kind AS varchar) AS kind) l"
)


async def test_sql_and_python_agree(either: House):
    """Over the whole table of state, restriction, right to what is restricted, purpose and kind."""
    recording_id = (await either.announce()).recording_id
    await either.settle(recording_id)
    request = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=1)
    link, _ = await either.vault.playback.links.create(
        either.account.id, recording_id, request, actor="key_test"
    )
    recording = await either.row(recording_id)
    names = ("state", "restricted", "plays_restricted", "purpose", "kind")
    table = [
        dict(zip(names, row, strict=True))
        for row in product(
            map(str, State), (False, True), (None, False, True), (None, *get_args(Purpose)), get_args(Kind)
        )
    ]
    in_sql = await either.database.read(
        lambda tx: [bool(tx.connection.execute(QUERY, row).scalar()) for row in table]
    )
    said = [
        replace(
            link, plays_restricted=bool(row["plays_restricted"]), purpose=row["purpose"], kind=row["kind"]
        ).plays(replace(recording, state=State(row["state"]), restricted=row["restricted"]))
        for row in table
    ]
    assert in_sql == said
    assert {(row["state"], row["restricted"]) for row, plays in zip(table, said, strict=True) if plays} == {
        ("available", False), ("available", True), ("quarantined", False),
    }  # fmt: skip
