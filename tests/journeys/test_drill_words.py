"""What ``callvault drill failover`` says of standbys that its role may not see, and of a private CA."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest

from tests.servers.openbao import make_certificate
from tests.servers.postgresql import PostgresqlServer
from vault.cli.drill import _print_state
from vault.database.engines.server_state import ServerState, Standby, read_server_state
from vault.errors import Unavailable
from vault.simulator.vault_client import VaultClient

STATE = ServerState(
    address="10.0.1.11:5432",
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    timeline="00000001",
    synchronous_commit="on",
    fsync="on",
    full_page_writes="on",
    synchronous_standby_names="",
    role="vault",
    may_read_standbys=True,
    standbys=(),
)
SYNC = Standby(name="b", state="streaming", sync_state="quorum", behind=0)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (replace(STATE, standbys=(SYNC,)), None),
        (STATE, "no standby is synchronous"),
        (replace(STATE, synchronous_standby_names="ANY 1 (b)"), "no standby fulfils it: writes wait"),
        (replace(STATE, may_read_standbys=False), 'GRANT pg_monitor TO "vault"'),
    ],
)
def test_the_warning_names_the_cause(
    state: ServerState, words: str | None, capsys: pytest.CaptureFixture[str]
):
    """None for a synchronous standby; a right that is missing is not taken for a standby that is."""
    _print_state("before", state)
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("!")]
    assert len(warnings) == (words is not None)
    assert words is None or words in warnings[0]


@pytest.mark.postgresql
def test_a_role_without_the_right_is_found(postgresql_server: PostgresqlServer, postgresql_url: str):
    """By PostgreSQL itself, before and after the grant."""
    with psycopg.connect(postgresql_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE drilling LOGIN")
        try:
            url = postgresql_url.replace("postgres:@", "drilling:@", 1)
            before = read_server_state(url)
            admin.execute("GRANT pg_monitor TO drilling")
            after = read_server_state(url)
        finally:
            admin.execute("DROP ROLE drilling")
    assert (before.role, before.may_read_standbys, after.may_read_standbys) == ("drilling", False, True)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[str]:
    """The URL of a server whose certificate nobody trusts."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_private_ca_is_named(private: str):
    """A vault that answers is not said to be down."""
    with pytest.raises(Unavailable, match=r"not trusted: .*SSL_CERT_FILE"):
        await VaultClient(base=private, key="k", account="a").fetch("/healthz")
