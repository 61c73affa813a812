"""URLs of PostgreSQL as libpq writes them: one host, lists of them, and what is wrong with one, in a sentence."""

import pytest

from vault.database.engines.migrate import check_postgresql, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.sql.postgresql_url import connection_parameters, described_host
from vault.errors import StartRefused, Unavailable

LISTS = {
    "postgresql://u@h1:1,h2:2/db?target_session_attrs=read-write": "h1 port 1, h2 port 2",
    "postgresql://u@h1,h2/db": "h1 port 5432, h2 port 5432",
    "postgresql://u:secret@h1:1,h2/db": "h1 port 1, h2 port 5432",
    "postgresql://u@/db?host=h1:1&host=h2:2": "h1 port 1, h2 port 2",
    "postgresql://u@/db?host=h1:1&host=h2&target_session_attrs=read-write": "h1 port 1, h2 port 5432",
    "postgresql://u@/db?host=h1&host=h2": "h1 port 5432, h2 port 5432",
    "postgresql://u@/db?host=[::1]:1&host=::2": "::1 port 1, ::2 port 5432",
    "postgresql://u@/db?host=h1,h2&port=1,2": "h1 port 1, h2 port 2",
    "postgresql://u@/db?host=h1,h2&port=7": "h1 port 7, h2 port 7",
    "postgresql://u@[::1]:1,[::2]:2/db?target_session_attrs=primary": "::1 port 1, ::2 port 2",
}


@pytest.mark.parametrize("url", LISTS)
def test_lists_of_hosts_ask_for_a_server_that_takes_writes(url: str):
    """Hosts and ports come out as libpq means them; where the URL asks for nothing, read-write is asked for."""
    parameters = connection_parameters(url)
    assert described_host(url) == LISTS[url]
    assert parameters["target_session_attrs"] in {"read-write", "primary"}
    assert parameters["user"] == "u"


@pytest.mark.parametrize("url", ["postgresql://u@h1/db", "postgresql://u:@/db?host=/run/postgresql"])
def test_a_single_host_is_taken_as_it_is(url: str):
    """A standby is reported in the vault's own words."""
    assert "target_session_attrs" not in connection_parameters(url)


WRONG = {
    "postgresql://u:secret@h1:1,h2:2,h3/db?port=1,2": "3 hosts and 2 ports",
    "postgresql://u:secret@h1:x,h2:2/db": "has a port that is not a number from 1 to 65535",
    "postgresql://u:secret@h1:70000/db": "has a port",
    "postgresql://u:secret@h1:0/db": "has a port",
    "postgresql://u:secret@[::1/db": "is not a URL that libpq reads",
    "postgresql://u:secret@h1/db?nonsense=1": "is not a URL that libpq reads",
    "postgresql://u:secret@h1,h2/db?target_session_attrs=standby": "target_session_attrs",
    "postgresql://u:secret@h1,h2/db?target_session_attrs=read-write,any": "target_session_attrs",
    "postgresql://u:secret@/db?host=h1:x&host=h2": "has a port",
    "postgresql://u:secret@h1:1%zz/db": "is not a URL that libpq reads",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_list_gives_a_sentence_without_the_password(url: str):
    """Through serve's check, through migrate and through the pool: never a traceback of a library."""
    for step in (check_postgresql, migrate_postgresql, PostgresqlDatabase, connection_parameters):
        with pytest.raises(StartRefused, match="VAULT_DATABASE_URL") as refused:
            step(url)
        assert WRONG[url] in str(refused.value)
        assert "secret" not in str(refused.value)


def test_a_server_that_does_not_answer_is_named_without_the_password():
    """Every host of the list, with its port."""
    with pytest.raises(
        Unavailable, match=r"at 127.0.0.1 port 9, 127.0.0.1 port 10 does not answer"
    ) as refused:
        check_postgresql("postgresql://u:secret@127.0.0.1:9,127.0.0.1:10/db")
    assert "secret" not in str(refused.value)
