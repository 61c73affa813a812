"""Keys of the accounts' own in memory: each is a root key that can be out of reach by itself."""

from collections import defaultdict

from tests.fakes.root_key import FakeRootKey
from vault.errors import Invalid

ARN = "arn:aws:kms:eu-central-1:111122223333:key/"


class FakeOwnKeys:
    """OwnKeys by whatever ARN is asked for."""

    def __init__(self) -> None:
        self.keys: defaultdict[str, FakeRootKey] = defaultdict(FakeRootKey)

    async def named(self, own_key: str) -> FakeRootKey:
        """Return the key; it is there from the first time on."""
        if not own_key.startswith(ARN):
            raise Invalid("That is no ARN of a key.", field="key")
        return self.keys[own_key]
