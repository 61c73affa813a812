"""Packages: the sealed answers to requests for access. Each expires, and is found by the next erasure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, insert, select, update

from vault.batches import batches
from vault.database.schema.core import recordings
from vault.database.schema.requests import (
    person_package_recordings,
    person_packages,
    person_request_terms,
)
from vault.database.sql.dialect import insert_new
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import GONE
from vault.errors import Busy

#: Recordings per statement.
_BATCH_SIZE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package, or a part of one, whose key the account key wraps."""

    #: Of the first part the id of its request (``part_id``).
    request_id: str
    account_id: str
    wrapped_key: bytes = field(repr=False)
    key_version: int
    location: str
    header: bytes = field(repr=False)
    #: Plaintext bytes.
    size: int
    made_at: datetime
    expires_at: datetime
    downloads: int = 0
    #: The request, and the number of the part; None in rows of earlier releases, whose packages are one part.
    part_of: str | None = None
    part: int | None = None
    #: The last recording of the account in this part of its export.
    through_at: datetime | None = None
    through_id: str | None = None

    @property
    def through(self) -> tuple[datetime, str] | None:
        """Return the last recording of the account in this part, as a cursor."""
        return None if self.through_at is None else (self.through_at, self.through_id or "")


def _with_recording() -> Select[Any]:
    c, m = person_packages.c, person_package_recordings.c
    one = person_packages.alias().c
    named = select(one.part_of).join(person_package_recordings, m.request_id == one.request_id)
    return select(person_packages).where(c.part_of.in_(named.where(m.recording_id == bindparam("id"))))


_WITH_RECORDING: Final = _with_recording()


class PackageRows(Rows):
    """Packages as rows. Deleting the row deletes the key."""

    def add(self, package: Package, recording_ids: Sequence[str] = ()) -> None:
        """Insert a package with these recordings. Raises KeyRetired, and Busy if another node made the same part."""
        refuse_retired(self._db, package.account_id, package.key_version)
        values = {name: getattr(package, name) for name in Package.__slots__}
        if not insert_new(self._db, person_packages, values):
            raise Busy("Another node made this package.", retry_after=1)
        m = person_package_recordings.c
        # A package of this id that a restore deleted.
        self._db.execute(delete(person_package_recordings).where(m.request_id == package.request_id))
        contained = [{"request_id": package.request_id, "recording_id": one} for one in recording_ids]
        for batch in batches(contained, _BATCH_SIZE):
            self._db.execute(insert(person_package_recordings), batch)

    def has_gone(self, request_id: str) -> bool:
        """Return whether a recording of this package, or part, is erased."""
        m, r = person_package_recordings.c, recordings.c
        query = select(r.id).join(person_package_recordings, m.recording_id == r.id)
        gone = [str(state) for state in GONE]
        return (
            self._db.execute(query.where(m.request_id == request_id, r.state.in_(gone))).first() is not None
        )

    def with_recording(self, recording_id: str) -> Sequence[Package]:
        """Return every part of the packages of persons that have a recording in one of their parts."""
        return [Package(**row) for row in self._db.execute(_WITH_RECORDING, {"id": recording_id}).mappings()]

    def get(self, account_id: str, request_id: str) -> Package | None:
        """Return a package by the id of its part."""
        c = person_packages.c
        return self._first((c.request_id == request_id) & (c.account_id == account_id))

    def parts(self, account_id: str, request_id: str) -> Sequence[Package]:
        """Return the parts of a request's package in their order."""
        c = person_packages.c
        mine = (c.account_id == account_id) & ((c.part_of == request_id) | (c.request_id == request_id))
        rows = self._db.execute(select(person_packages).where(mine).order_by(c.part)).mappings()
        return [Package(**row) for row in rows]

    def expire_together(self, account_id: str, request_id: str, at: datetime) -> None:
        """Let all parts of a request's package expire at this time."""
        c = person_packages.c
        mine = (c.account_id == account_id) & (c.part_of == request_id)
        self._db.execute(update(person_packages).where(mine).values(expires_at=at))

    def count_download(self, package: Package, *, most: int) -> bool:
        """Count a download; False after ``most`` of them, or if the package is gone.

        Concurrent downloads wait for each other here, and each is counted: none is refused because of another one.
        """
        c = person_packages.c
        mine = (c.request_id == package.request_id) & (c.location == package.location) & (c.downloads < most)
        counted = update(person_packages).where(mine).values(downloads=c.downloads + 1)
        return self._db.execute(counted).rowcount == 1

    def expired(self, now: datetime, *, limit: int) -> Sequence[Package]:
        """Return packages that have expired."""
        query = select(person_packages).where(person_packages.c.expires_at <= now).limit(limit)
        return [Package(**row) for row in self._db.execute(query).mappings()]

    def of_person(self, account_id: str, terms: Collection[bytes]) -> Sequence[Package]:
        """Return every part of the packages about a person, by the keyed hashes of their requests."""
        t = person_request_terms.c
        named = select(t.request_id).where(t.account_id == account_id, t.term.in_(terms))
        c = person_packages.c
        query = select(person_packages).where(c.request_id.in_(named) | c.part_of.in_(named))
        return [Package(**row) for row in self._db.execute(query).mappings()]

    def names(self, location: str) -> bool:
        """Return whether a package has this location."""
        query = select(person_packages.c.request_id).where(person_packages.c.location == location)
        return self._db.execute(query).first() is not None

    def delete(self, request_id: str) -> bool:
        """Delete a package, and with it its key; False if it was deleted before."""
        m = person_package_recordings.c
        self._db.execute(delete(person_package_recordings).where(m.request_id == request_id))
        mine = delete(person_packages).where(person_packages.c.request_id == request_id)
        return self._db.execute(mine).rowcount == 1

    def _first(self, condition: object) -> Package | None:
        row = self._db.execute(select(person_packages).where(condition)).mappings().first()  # type: ignore[arg-type]
        return None if row is None else Package(**row)
