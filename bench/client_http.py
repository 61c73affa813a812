"""Uploads and playback over plain sockets: the kernel copies, and the client does next to nothing."""

import random
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import percentile

_MEGABYTE = 1_000_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_BUFFER = bytearray(1024 * 1024)


def upload(*, port: int, path: str, bearer: str, file: str) -> Mapping[str, Any]:
    """PUT a file by sendfile; return MB/s from the first byte sent to the answer's last."""
    size = Path(file).stat().st_size
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: vault.example\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Type: audio/wav\r\nContent-Length: {size}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as connection, Path(file).open("rb") as body:
        begun = time.perf_counter()
        connection.sendall(head.encode())
        connection.sendfile(body)
        read_answer(connection, b"201")
        took = time.perf_counter() - begun
    return {"value": size / took / _MEGABYTE}


def play(*, port: int, path: str, cookie: str, size: int) -> Mapping[str, Any]:
    """GET all of it; return MB/s, and the milliseconds to the first byte."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begun = time.perf_counter()
        connection.sendall(get(path, cookie))
        length, first = read_answer(connection, b"200")
        took = time.perf_counter() - begun
    if length != size:
        raise RuntimeError(f"{path} gave {length} bytes instead of {size}.")
    return {"value": size / took / _MEGABYTE, "ttfb": (first - begun) * 1000}


def first_byte(*, port: int, path: str, cookie: str, size: int, count: int) -> Mapping[str, Any]:
    """GET all of it ``count`` times over one connection; return the median time to the first byte, in ms, and p99."""
    request, times = get(path, cookie), []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(count):
            begun = time.perf_counter()
            connection.sendall(request)
            length, first = read_answer(connection, b"200")
            times.append((first - begun) * 1000)
            if length != size:
                raise RuntimeError(f"{path} gave {length} bytes instead of {size}.")
    return {"value": percentile(times, 0.5), "p99": percentile(times, 0.99)}


def seek(*, port: int, path: str, cookie: str, size: int, length: int, count: int) -> Mapping[str, Any]:
    """Get ``count`` ranges at random places over one connection; return the median in ms, and p99."""
    chance, latencies = random.Random(size), []  # noqa: S311 - the same places in every round
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            start = chance.randrange(size - length)
            request = get(path, cookie, f"Range: bytes={start}-{start + length - 1}\r\n")
            begun = time.perf_counter()
            connection.sendall(request)
            received, _ = read_answer(connection, b"206")
            latencies.append((time.perf_counter() - begun) * 1000)
            if received != length:
                raise RuntimeError(f"A range of {length} bytes came as {received}.")
    return {"value": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99)}


def piece(
    *, port: int, path: str, headers: Mapping[str, str], status: str, length: int, count: int
) -> Mapping[str, Any]:
    """GET one piece ``count`` times, each over a new connection; return the median milliseconds to its last byte."""
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in ({"Host": "vault.example"} | dict(headers)).items()
    )
    times = []
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            begun = time.perf_counter()
            connection.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
            received, _first = read_answer(connection, status.encode())
            times.append((time.perf_counter() - begun) * 1000)
        if received != length:
            raise RuntimeError(f"{path} gave {received} bytes instead of {length}.")
    return {"value": percentile(times, 0.5)}


def get(path: str, cookie: str, more: str = "") -> bytes:
    """Return the request for a session's audio."""
    return f"GET {path} HTTP/1.1\r\nHost: vault.example\r\nCookie: {cookie}\r\n{more}\r\n".encode()


def read_answer(connection: socket.socket, status: bytes) -> tuple[int, float]:
    """Read one answer; return the length of its body and the time of its first byte.

    Raises RuntimeError for another status, and when the connection ends early.
    """
    received, first = b"", 0.0
    while (end := received.find(b"\r\n\r\n")) < 0:
        data = connection.recv(65536)
        if not data:
            raise RuntimeError("The server closed the connection before its answer.")
        received += data
    if received[9:12] != status:
        raise RuntimeError(f"The server answered {received[:300]!r}.")
    found = _LENGTH.search(received, 0, end + 2)
    if found is None:
        raise RuntimeError("The answer does not say how long it is.")
    length = int(found[1])
    missing = length - (len(received) - end - 4)
    if missing < length:
        first = time.perf_counter()
    while missing:
        count = connection.recv_into(_BUFFER)
        if not count:
            raise RuntimeError("The server closed the connection in the middle of its answer.")
        first = first or time.perf_counter()
        missing -= count
    return length, first
