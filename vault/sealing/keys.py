"""A key with the name under which messages refer to it."""

import hmac
from dataclasses import dataclass

#: The key namespace of every key that is the vault's own.
NAMESPACE = "callvault"
#: Bytes of an AES-256 key.
KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class NamedKey:
    """An AES-256 key and its name. It has no repr, and compares in constant time."""

    #: Names a key for ever; never used again for another key.
    name: str
    secret: bytes
    namespace: str = NAMESPACE

    def __post_init__(self) -> None:
        """Refuse a secret of the wrong length at once, not at its first use."""
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"A key has {KEY_BYTES} bytes.")

    def __repr__(self) -> str:
        """Show that it is a key, and nothing of it."""
        return "NamedKey(...)"

    def __eq__(self, other: object) -> bool:
        """Compare names plainly and secrets in constant time."""
        if not isinstance(other, NamedKey):
            return NotImplemented
        same_name = (self.namespace, self.name) == (other.namespace, other.name)
        return same_name and hmac.compare_digest(self.secret, other.secret)

    def __hash__(self) -> int:
        """Hash the name alone."""
        return hash((self.namespace, self.name))


def account_key(account_id: str, version: int, secret: bytes) -> NamedKey:
    """Name an account key: ``account/<id>/v<version>``."""
    return NamedKey(name=f"account/{account_id}/v{version}", secret=secret)


def detail_key(account_id: str, number: int, secret: bytes) -> NamedKey:
    """Name a key of the details of an account's access events: ``details/<account id>/<number>``."""
    return NamedKey(name=f"details/{account_id}/{number}", secret=secret)


def recording_key(recording_id: str, secret: bytes) -> NamedKey:
    """Name a recording key: ``recording/<id>``."""
    return NamedKey(name=f"recording/{recording_id}", secret=secret)
