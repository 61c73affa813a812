"""Checks that a stored object is read strictly: what was written comes back, anything else is Tampered."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

import pytest

from vault.errors import Tampered

Read = Callable[[bytes], Any]
#: What is no object of the vault.
NO_OBJECTS: Final = (
    b"", b"null", b"[]", b"{", b"\xff", b'{"v":NaN}', b'{"v":1e999}', b"[" * 100_000, b'"' + b"9" * 5000,
)  # fmt: skip


def check_fields(written: bytes, read: Read, *, nullable: set[str], optional: set[str] = frozenset()) -> None:
    """Without one of its fields, with one more, with a null, a list or a number in its place: Tampered."""
    said = json.loads(written)
    for field in said:
        for value in (None, [[]], 1.5, {"x": 1}, "\ud800", True, 2**70):
            if value is None and field in nullable:
                continue
            if value is True and field == "restricted":
                continue
            with pytest.raises(Tampered):
                read(json.dumps(said | {field: value}).encode())
        less = json.dumps({key: one for key, one in said.items() if key != field}).encode()
        if field in optional:
            assert read(less) is not None
        else:
            with pytest.raises(Tampered):
                read(less)
        twice = json.dumps(said)[:-1] + f', "{field}": {json.dumps(said[field])}}}'
        with pytest.raises(Tampered):
            read(twice.encode())
    with pytest.raises(Tampered):
        read(json.dumps(said | {"more": 1}).encode())
    with pytest.raises(Tampered):
        read(json.dumps(said | {"v": 2}).encode())


def check_damage(written: bytes, read: Read, *, seed: str) -> None:
    """Bits flipped, pieces cut and doubled: Tampered, or an object that can be written again; nothing else."""
    chance = random.Random(seed)  # noqa: S311 - the same damage in every run
    for _ in range(600):
        data = bytearray(written)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del data[at : at + chance.randint(1, 30)]
            elif kind == 2:
                data[at:at] = data[at : at + chance.randint(1, 30)]
            else:
                data[at : at + 1] = chance.choice([b"null", b"-1", b'"', b"{}", b"[", b"9" * 30, b"\\u0000"])
        try:
            assert read(bytes(data)) is not None
        except Tampered:
            continue
