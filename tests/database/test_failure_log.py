"""What the log says of a failed statement: class, SQLSTATE and host, and no value of it."""

import json
import logging

import psycopg
import pytest

from vault.database.engines.postgresql_job import failure_of
from vault.errors import Unavailable
from vault.structured_log import JsonFormatter


@pytest.mark.parametrize(
    ("cause", "sqlstate"),
    [
        (psycopg.errors.DiskFull('could not extend file for "+12025550187"'), "53100"),
        (psycopg.OperationalError("connection to server at 10.0.0.9 failed: secret"), "none"),
    ],
)
def test_a_failure_has_its_code_and_no_value(
    cause: psycopg.Error, sqlstate: str, caplog: pytest.LogCaptureFixture
):
    """An operator can tell a full disk from a lost connection."""
    with caplog.at_level(logging.ERROR):
        assert isinstance(failure_of(cause, unknown=False, host="db1 port 5432"), Unavailable)
    (line,) = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert line["error"] == type(cause).__name__
    assert (line["sqlstate"], line["host"]) == (sqlstate, "db1 port 5432")
    assert str(cause) not in json.dumps(line)
