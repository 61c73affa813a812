"""What ``callvault migrate`` would change, and which running nodes it would stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from vault.database.engines import migrate

#: The schema of each release, the oldest first. A release adds itself (docs/contributing/release.md).
RELEASES: Final = {"0.1.0": "0002", "0.2.0": "0009"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """The schema now and afterwards, and the nodes that may run on each."""

    #: None for an empty database.
    current: str | None
    target: str
    #: Number and subject of each revision that would be applied, the oldest first.
    revisions: Sequence[tuple[str, str]]
    #: The oldest schema whose nodes may run now, and afterwards.
    oldest_now: str | None
    oldest_then: str

    @property
    def stops_nodes(self) -> bool:
        """Whether nodes that may run now would stop."""
        return bool(self.revisions) and self.oldest_now is not None and self.oldest_now < self.oldest_then

    @property
    def stops_all(self) -> bool:
        """Whether every node of an older release would stop."""
        return self.stops_nodes and self.current is not None and self.current < self.oldest_then

    @property
    def stopped_releases(self) -> Sequence[str]:
        """Return the releases whose nodes may run now and would stop."""
        first = self.oldest_now or self.oldest_then
        return [name for name, schema in RELEASES.items() if first <= schema < self.oldest_then]


def plan_postgresql(url: str) -> MigrationPlan:
    """Return the plan for a PostgreSQL database. Raises StartRefused for a schema of a newer release, Unavailable."""
    with migrate.postgresql_connection(url) as connection:
        return _plan(connection)


def plan_sqlite(path: Path) -> MigrationPlan:
    """Return the plan for a SQLite file. Raises StartRefused for a missing file, or a schema of a newer release."""
    with migrate.sqlite_connection(path) as connection:
        return _plan(connection)


def _plan(connection: Connection) -> MigrationPlan:
    current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(migrate.alembic_config())
    served = migrate.revisions()
    if current is not None and current not in served:
        migrate.check_newer(connection, current)
        return MigrationPlan(
            current=current, target=current, revisions=(), oldest_now=None, oldest_then=current
        )
    missing = [
        (script.revision, Path(script.path).stem.partition("_")[2].replace("_", " "))
        for script in scripts.walk_revisions()
        if current is None or script.revision > current
    ]
    return MigrationPlan(
        current=current,
        target=max(served),
        revisions=missing[::-1],
        oldest_now=None if current is None else _oldest(connection) or current,
        oldest_then=max(served.values()),
    )


def _oldest(connection: Connection) -> str | None:
    # The first releases did not store it.
    return migrate.oldest_served(connection) if inspect(connection).has_table("vault_metadata") else None
