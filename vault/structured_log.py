"""Structured logs: one JSON object per line, with random ids and without personal data.

A log call names an event and passes values from a closed set of fields. Any other field raises
immediately, so a token, an address or a phone number cannot slip in by a careless keyword.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from vault.rfc3339 import write_rfc3339

#: The only fields of a log line. Ids are the vault's own random ones.
FIELDS: Final = frozenset(
    {
        "account_id", "recording_id", "connection_id", "link_id", "session_id", "key_id", "request_id", "state",
        "attempt", "attempts", "reason", "error", "provider", "count", "bytes", "seconds", "host", "port",
        "database", "objects", "status", "sqlstate", "route", "method", "size", "table", "object_kind",
    }
)  # fmt: skip

#: The least levels of libraries' loggers. Most log URLs and headers, which carry tokens and signatures; alembic logs
#: every step of a migration.
LEVELS: Final = {
    **dict.fromkeys(
        ("botocore", "boto3", "urllib3", "httpcore", "uvicorn.access", "asyncio"), logging.CRITICAL
    ),
    "alembic": logging.WARNING,
}

#: The id of the HTTP request that a task answers, also in the lines of the tasks that it starts; None without one.
HTTP_REQUEST: Final = ContextVar[str | None]("HTTP_REQUEST", default=None)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; a traceback has frames, never values."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a newline."""
        line: dict[str, object] = {
            "at": write_rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if (http_request := HTTP_REQUEST.get()) is not None:
            line["http_request"] = http_request
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = self._frames(record)
        return json.dumps(line, ensure_ascii=True)

    @staticmethod
    def _frames(record: logging.LogRecord) -> list[str]:
        """Return the frames only: an error's message and source lines may contain request data."""
        frames = []
        trace = record.exc_info[2] if record.exc_info else None
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rsplit('/vault/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        return frames


class Log:
    """Logs the events of one module."""

    def __init__(self, name: str) -> None:
        """Create the logger of the module."""
        self._logger = logging.getLogger(name)

    def info(self, event: str, **fields: object) -> None:
        """Log a normal event."""
        self._emit(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log a problem that the service handles by itself."""
        self._emit(logging.WARNING, event, fields)

    def error(self, event: str, *, trace: bool = False, **fields: object) -> None:
        """Log a problem that an operator should check."""
        self._emit(logging.ERROR, event, fields, trace=trace)

    def critical(self, event: str, **fields: object) -> None:
        """Log that the service is stopped until an operator acts."""
        self._emit(logging.CRITICAL, event, fields)

    def _emit(self, level: int, event: str, fields: dict[str, object], *, trace: bool = False) -> None:
        unknown = fields.keys() - FIELDS
        if unknown:
            raise ValueError(f"These log fields are not allowed: {sorted(unknown)}.")
        self._logger.log(level, event, extra={"fields": fields}, exc_info=trace)


def set_up(level: str = "INFO") -> None:
    """Send the logs of this process to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in LEVELS.items():
        logging.getLogger(name).setLevel(least)
