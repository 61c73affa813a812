"""What a PostgreSQL server was asked, by its own log: it does not depend on how the vault sends its statements."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.servers.postgresql import name_of
from vault.database.engines.history_guard import GUARD

#: A statement's further lines begin with a tab. An empty one is a ping.
_LINE = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] LOG:  (?:statement|execute [^:]*):(.*(?:\n\t.*)*)$", re.MULTILINE)
_MARK = "SELECT 'the end of what is counted'"
#: Signals go by a session of their own, several together where they come fast: when, depends on the machine.
_SIGNAL = "SELECT pg_notify("
#: A guard goes with the first transaction of a connection in some milliseconds only: how often, depends on the machine.
_GUARD = (GUARD.text.decode().partition("$")[0], "PREPARE callvault_guard")


@dataclass
class Asked:
    """The statements of a stretch of time without BEGIN, COMMIT, signals and guards, and the number of transactions."""

    statements: list[str] = field(default_factory=list)
    transactions: int = 0

    def read(self, log: str) -> None:
        """Read the server's log."""
        open_in: set[str] = set()
        for process, text in filter(lambda found: found[1].strip(), _LINE.findall(log)):
            word = text.split(maxsplit=1)[0].rstrip(";").upper()
            if word == "BEGIN":
                open_in.add(process)
            elif word in {"COMMIT", "ROLLBACK"}:
                open_in.discard(process)
                self.transactions += 1
            elif text.strip() != _MARK and not text.strip().startswith((_SIGNAL, *_GUARD)):
                self.statements.append(text.strip())
                # Alone, a statement is a transaction.
                self.transactions += process not in open_in


def log_statements(url: str, folder: Path) -> Path:
    """Let the server log each statement of connections that are opened to this database from now on."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name_of(url)} SET log_statement = 'all'")  # type: ignore[arg-type]
    return folder / "log"


@contextmanager
def asked(url: str, log: Path) -> Iterator[Asked]:
    """Collect what the server is asked meanwhile. Nothing else may use the server."""
    found, start = Asked(), log.stat().st_size
    yield found
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_MARK)
    with log.open("rb") as file:
        file.seek(start)
        found.read(file.read().decode("utf-8", "replace"))
