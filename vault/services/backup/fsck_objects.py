"""Compare every object below the vault's prefix with the row or account that refers to it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.database.interface import Database
from vault.domain.recordings.recording import State
from vault.domain.requests.package import PREFIX as PACKAGES
from vault.domain.stored.account_object_name import parse_location
from vault.domain.stored.closing_acts import parse_location as parse_closing
from vault.domain.stored.manifest import location_of
from vault.domain.stored.request_rows import parse_location as parse_request
from vault.domain.stored.tombstone import decode_tombstones
from vault.domain.stored.vault_facts import LOCATION as VAULT
from vault.errors import Tampered
from vault.ports.objects import ObjectStore, StoredVersion
from vault.services.audit_log.own_history import sort_by_history

#: The log's prefix. Two nodes may write a file concurrently, and the checkpoint is overwritten: versions are normal.
_LOG = "log/"
_OWNER = "owner.json"
#: A postponed erasure may not have deleted its manifest yet.
_WITH_MANIFEST = {State.AVAILABLE, State.ERASING}
#: Segments of keys: recordings/account/recording/object, manifests/account/recording.json.
_OBJECT_SEGMENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareObjects:
    """Reports problems with an object, one sentence each."""

    database: Database
    objects: ObjectStore
    #: Objects written later may not have their row yet.
    before: datetime

    async def keys(self, after: str = "") -> AsyncIterator[list[StoredVersion]]:
        """Yield the versions of each object, key by key from the one after ``after`` on, except objects of the log."""
        versions: list[StoredVersion] = []
        async for version in self.objects.versions("", after=after):
            if version.key.startswith(_LOG):
                continue
            if versions and versions[0].key != version.key:
                yield versions
                versions = []
            versions.append(version)
        if versions:
            yield versions

    async def findings(self, versions: Sequence[StoredVersion]) -> list[str]:
        """Return findings about one object."""
        key, latest = versions[0].key, next((version for version in versions if version.latest), versions[0])
        if max(version.modified for version in versions) >= self.before:
            return []
        if latest.deleted:
            older = sum(not version.deleted for version in versions)
            return [f"{key}: it was deleted, and {older} older versions of it are still there."]
        if len(versions) > 1:
            return [f"{key}: it has {len(versions)} versions instead of one."]
        return await self._orphan(key)

    async def findings_now(self, key: str) -> list[str]:
        """Return findings about the object's current versions; none if it was deleted."""
        versions = [version async for version in self.objects.versions(key) if version.key == key]
        return await self.findings(versions) if versions else []

    async def _orphan(self, key: str) -> list[str]:
        parts = key.split("/")
        if key in {VAULT, _OWNER}:
            return []
        if parts[0] == "recordings" and len(parts) == _OBJECT_SEGMENTS:
            wanted = await self.database.read(lambda tx: tx.queue.wants_object(parts[2], key))
            return [] if wanted else [f"{key}: no row names this object."]
        if key.startswith(PACKAGES):
            named = await self.database.read(lambda tx: tx.packages.names(key))
            return [] if named else [f"{key}: no package has this object."]
        kinds = {
            "manifests": self._manifest, "accounts": self._account, "tombstones": self._tombstones,
            "prompts": self._prompt, "closing": self._closing_act, "closed": self._closing_act,
            "requests": self._request,
        }  # fmt: skip
        if parts[0] in kinds:
            return await kinds[parts[0]](key)
        return [f"{key}: this is not an object of a vault."]

    async def _closing_act(self, key: str) -> list[str]:
        place = parse_closing(key)
        if place is None:
            return [f"{key}: this is not an object of a vault."]
        unknown = await self.database.read(lambda tx: tx.closing_acts.unknown([place[1]]))
        return [f"{key}: this closing act is not in the database."] if unknown else []

    async def _request(self, key: str) -> list[str]:
        place = parse_request(key)
        row = None if place is None else await self.database.read(lambda tx: tx.requests.get(*place))
        return [] if row is not None else [f"{key}: there is no such request."]

    async def _prompt(self, key: str) -> list[str]:
        account_id = key.split("/")[1]
        known = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        return [] if known is not None else [f"{key}: there is no such account."]

    async def _manifest(self, key: str) -> list[str]:
        recording_id = key.rsplit("/", maxsplit=1)[-1].removesuffix(".json")
        row = await self.database.read(lambda tx: tx.recordings.by_id(recording_id))
        if row is None or row.state not in _WITH_MANIFEST or location_of(row.account_id, row.id) != key:
            return [f"{key}: no available recording has this manifest."]
        return []

    async def _account(self, key: str) -> list[str]:
        name = parse_location(key)
        known = await self.database.read(
            lambda tx: None if name is None else tx.account_objects.revisions(name.account_id)
        )
        if name is None or known is None:
            return [f"{key}: there is no such account."]
        if (await sort_by_history(self.database, [name])).foreign:
            return [f"{key}: another history of the database wrote it."]
        # While a newer state is due, its write deletes this object.
        if name.revision < known.written and known.written == known.now:
            return [f"{key}: a newer object of this account was written."]
        return []

    async def _tombstones(self, key: str) -> list[str]:
        try:
            decode_tombstones(await self.objects.get(key))
        except Tampered as error:
            return [f"{key}: {error}"]
        return []
