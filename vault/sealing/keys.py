"""Keys with the names by which messages refer to them."""

import hmac
from dataclasses import dataclass

#: The namespace of all keys of the vault.
NAMESPACE = "callvault"
#: Length of an AES-256 key.
KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class NamedKey:
    """An AES-256 key and its name. It has no repr, and compares in constant time."""

    #: Permanent; never reused for another key.
    name: str
    secret: bytes
    namespace: str = NAMESPACE

    def __post_init__(self) -> None:
        """Check the length of the secret."""
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"A key must have {KEY_BYTES} bytes.")

    def __repr__(self) -> str:
        """Return a placeholder without the secret."""
        return "NamedKey(...)"

    def __eq__(self, other: object) -> bool:
        """Compare names normally and secrets in constant time."""
        if not isinstance(other, NamedKey):
            return NotImplemented
        same_name = (self.namespace, self.name) == (other.namespace, other.name)
        return same_name and hmac.compare_digest(self.secret, other.secret)

    def __hash__(self) -> int:
        """Hash only the name."""
        return hash((self.namespace, self.name))


def account_key(account_id: str, version: int, secret: bytes) -> NamedKey:
    """Return an account key with its name: ``account/<id>/v<version>``."""
    return NamedKey(name=f"account/{account_id}/v{version}", secret=secret)


def detail_key(account_id: str, number: int, secret: bytes) -> NamedKey:
    """Return a key for details of an account's access events with its name: ``details/<account id>/<number>``."""
    return NamedKey(name=f"details/{account_id}/{number}", secret=secret)


def month_key(account_id: str, key_id: str, secret: bytes) -> NamedKey:
    """Return a month key of an account with its name: ``month/<account id>/<key id>``."""
    return NamedKey(name=f"month/{account_id}/{key_id}", secret=secret)


def package_key(request_id: str, secret: bytes) -> NamedKey:
    """Return the key of a request's package with its name: ``package/<request id>``."""
    return NamedKey(name=f"package/{request_id}", secret=secret)


def recording_key(recording_id: str, secret: bytes) -> NamedKey:
    """Return a recording key with its name."""
    return NamedKey(name=recording_key_name(recording_id), secret=secret)


def recording_key_name(recording_id: str) -> str:
    """Return the name of a recording's key: ``recording/<id>``."""
    return f"recording/{recording_id}"
