"""The root key in a file, for a laptop or a single server.

The file is one JSON object with mode 0600. ``create`` refuses to replace an existing file. Without the key
no recording can be decrypted, so a missing file is never silently created again; ``load`` says what to do.
A reader of the file can decrypt everything: its mode protects only against other users of the machine.
The wrapped bytes contain the key's id, so a wrong key can be distinguished from damaged bytes.
"""

import base64
import binascii
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from vault.errors import StartRefused
from vault.keyservice.plain_file import NotPlain, open_plain
from vault.sealing.keys import KEY_BYTES, NamedKey
from vault.sealing.wrapping import unwrap, wrap

FORMAT = "callvault-root-key/v1"

_KEY_ID = re.compile(r"[0-9a-f]{16}")
_MAX_BYTES = 4096


class LocalRootKey:
    """A RootKey in the memory of this process."""

    def __init__(self, key: NamedKey) -> None:
        """Hold the key. Use ``create`` or ``load`` to get an instance."""
        self._key = key

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret``, bound to ``context``."""
        return wrap(self._key, secret, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap the output of ``wrap``. Raises Tampered for another key, other bytes or another context."""
        return unwrap(self._key, wrapped, context)


def create(path: Path) -> LocalRootKey:
    """Create a root key and write it durably. Raises StartRefused, also if the file exists."""
    key_id, secret = secrets.token_hex(8), secrets.token_bytes(KEY_BYTES)
    text = json.dumps({"format": FORMAT, "key_id": key_id, "key": base64.b64encode(secret).decode()})
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise StartRefused(
            "There is a root key file already. It is never replaced: data sealed under its key would be lost."
        ) from None
    except OSError as error:
        raise StartRefused(
            "The root key file cannot be made; check that its folder exists and is writable."
        ) from error
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        _fsync_folder(path.parent)
    except OSError as error:
        # Nothing is sealed under this key yet, and a partial file would block the next start.
        path.unlink(missing_ok=True)
        raise StartRefused("The root key file cannot be written; check the free disk space.") from error
    return LocalRootKey(_named(key_id, secret))


def load(path: Path) -> LocalRootKey:
    """Read the root key. Raises StartRefused with the cause and the remedy."""
    try:
        fd = open_plain(path)
    except NotPlain:
        raise StartRefused("The root key file is not a regular file.") from None
    except FileNotFoundError:
        raise StartRefused(
            "The root key file is missing. Restore it from your backup. The vault does not create another "
            "key, because data sealed under the lost key could never be decrypted again."
        ) from None
    except OSError as error:
        raise StartRefused("The root key file cannot be read; make it belong to the vault's user.") from error
    try:
        mode = os.fstat(fd).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StartRefused(
                "Other users of this machine can get at the root key file. Run `chmod 600` on it, and "
                "consider whether another user has read it already."
            )
        return LocalRootKey(_parse(os.read(fd, _MAX_BYTES)))
    finally:
        os.close(fd)


def _parse(text: bytes) -> NamedKey:
    try:
        fields = json.loads(text)
        if fields["format"] != FORMAT or _KEY_ID.fullmatch(fields["key_id"]) is None:
            raise _not_a_key()
        return _named(fields["key_id"], base64.b64decode(fields["key"], validate=True))
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        # Not chained: a parser's error may quote the file.
        raise _not_a_key() from None


def _not_a_key() -> StartRefused:
    return StartRefused(
        f"The root key file does not hold a key of the format {FORMAT}. Restore it from your backup, or "
        "point VAULT_ROOT_KEY_URL at the right file."
    )


def _named(key_id: str, secret: bytes) -> NamedKey:
    return NamedKey(name=f"root/{key_id}", secret=secret)


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
