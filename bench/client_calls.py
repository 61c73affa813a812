"""Call starts on a fixed schedule: a call begins when it begins, however long the vault takes for the others.

Each is timed from the moment that the schedule names. A client that waited for one answer before it sent
the next would leave out just the calls that had to wait (coordinated omission).
"""

import json
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.client_http import read_answer
from bench.figures import percentile

#: Seconds between the threads' start and the first call.
_HEAD_START = 0.2


@dataclass(slots=True, kw_only=True)
class _Round:
    """What the threads of one round share."""

    port: int
    account: str
    bearer: str
    notice: str
    told: int
    begun: float
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    #: Milliseconds from the scheduled moment to the whole answer, and to the sending.
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    #: What went wrong in a thread.
    errors: list[BaseException] = field(default_factory=list)


def calls(
    *,
    port: int,
    account: str,
    bearer: str,
    notice: str,
    rate: int,
    seconds: float,
    connections: int,
    told: int,
) -> Mapping[str, Any]:
    """Start ``rate`` calls a second for ``seconds``; one in ``told`` gets a consent event.

    Return the median in milliseconds, p99, p99 of how late the client itself was, and every latency.
    """
    begun = time.perf_counter() + _HEAD_START
    shared = _Round(port=port, account=account, bearer=bearer, notice=notice, told=told, begun=begun)
    moments = [number / rate for number in range(round(seconds * rate))]
    threads = [
        threading.Thread(target=_call, args=(shared, list(enumerate(moments))[first::connections]))
        for first in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if shared.errors:
        raise shared.errors[0]
    return {
        "value": percentile(shared.latencies, 0.5),
        "p99": percentile(shared.latencies, 0.99),
        "sent late, p99": percentile(shared.lateness, 0.99),
        "latencies": shared.latencies,
    }


def _call(shared: _Round, schedule: list[tuple[int, float]]) -> None:
    """Start the calls of one connection, each at its moment or as soon after it as the last was answered."""
    try:
        with socket.create_connection(("127.0.0.1", shared.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, after in schedule:
                moment, request = shared.begun + after, _start(shared, number)
                if (early := moment - time.perf_counter()) > 0:
                    time.sleep(early)
                shared.lateness.append((time.perf_counter() - moment) * 1000)
                connection.sendall(request)
                read_answer(connection, b"200")
                shared.latencies.append((time.perf_counter() - moment) * 1000)
                if number % shared.told == 0:
                    connection.sendall(_consent(shared, number))
                    read_answer(connection, b"201")
    except (OSError, RuntimeError) as error:
        shared.errors.append(error)


def _start(shared: _Round, number: int) -> bytes:
    said = {
        "direction": "inbound", "from": f"+1415{secrets.randbelow(10_000_000):07}", "to": "+14155550123",
        "started_at": datetime.now(UTC).isoformat(), "agent": "Robin",
    }  # fmt: skip
    return _request(shared, "PUT", number, "", said)


def _consent(shared: _Round, number: int) -> bytes:
    said = {
        "party": "caller", "event": "announced", "method": "announcement", "notice": shared.notice,
        "at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    return _request(shared, "POST", number, "/consent", said)


def _request(shared: _Round, method: str, number: int, below: str, said: Mapping[str, str]) -> bytes:
    body = json.dumps(said).encode()
    path = f"/v1/accounts/{shared.account}/calls/{shared.mark}-{number}{below}"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: vault.example\r\nAuthorization: Bearer {shared.bearer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
