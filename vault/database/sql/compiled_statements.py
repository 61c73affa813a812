"""Statements compiled at import, which go to the driver as text.

SQLAlchemy takes several times longer to run a statement than SQLite itself, and in a busy server several
times longer again, because each step may wait for the interpreter's lock. So the queries of nearly every
request are compiled once, and their rows are converted here as SQLAlchemy would convert them.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    CompoundSelect,
    Connection,
    Dialect,
    Integer,
    LargeBinary,
    Select,
    Table,
    Update,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.types import TypeEngine

from vault.database.schema.core import Moment, micros, moment
from vault.database.sql.dialect import is_postgresql
from vault.database.sql.hot_text import HotText

_SQLITE = sqlite.dialect(paramstyle="named")
_POSTGRESQL = make_url("postgresql+psycopg://").get_dialect()()
#: Only for its parameters in the form of the protocol; the driver itself is not used.
_NUMBERED = asyncpg.dialect()  # type: ignore[no-untyped-call]
_PARAMETER = re.compile(r"\$(\d+)(::[A-Z]+)?")
_Reader = Callable[[Any], Any]


class RowReader:
    """Converts rows, as a driver returns them, to the columns of tables by name."""

    def __init__(self, columns: Sequence[Column[Any]], *, on_postgresql: bool = True) -> None:
        """Read rows of these columns; by default those of PostgreSQL that a HotText returns."""
        self._names = [column.name for column in columns]
        reader_of = _on_postgresql if on_postgresql else _on_sqlite
        readers = {place: reader_of(column.type) for place, column in enumerate(columns)}
        #: Converters, by column index, for columns that the driver does not return as the table's type.
        self._readers = {place: reader for place, reader in readers.items() if reader is not None}

    def named(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return a row as its columns by name."""
        values = list(row)
        for place, reader in self._readers.items():
            if values[place] is not None:
                values[place] = reader(values[place])
        return dict(zip(self._names, values, strict=True))


class RowWriter:
    """Converts the values of columns to what both drivers take."""

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        """Write values of these columns."""
        writers = {column.name: _writer_of(column.type) for column in columns}
        self._writers = {name: writer for name, writer in writers.items() if writer is not None}

    def written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values, each of these columns converted unless it is None; other values are as given."""
        row = dict(values)
        for name, writer in self._writers.items():
            if row[name] is not None:
                row[name] = writer(row[name])
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """The statement for one of the two databases."""

    text: str
    #: Literal values of the query itself, such as its LIMIT.
    fixed: Mapping[str, object]
    reader: RowReader

    def run(self, connection: Connection, values: Mapping[str, object]) -> Any:
        """Run it; return the driver's cursor."""
        cursor = connection.connection.cursor()
        cursor.execute(self.text, {**self.fixed, **values})
        return cursor


class _Compiled:
    """A statement in the form of each database."""

    def __init__(
        self, statement: Select[Any] | CompoundSelect[Any] | Update, columns: Sequence[Column[Any]]
    ) -> None:
        self._sqlite = _compile(statement, _SQLITE, RowReader(columns, on_postgresql=False))
        self._postgresql = _compile(statement, _POSTGRESQL, RowReader(columns))

    def _form(self, connection: Connection) -> _Form:
        return self._postgresql if is_postgresql(connection) else self._sqlite


class CompiledSelect(_Compiled):
    """One SELECT of plain columns, whose ``bindparam`` values are text, bytes or numbers."""

    def __init__(self, query: Select[Any] | CompoundSelect[Any]) -> None:
        """Compile the query for both databases."""
        columns: Sequence[Any] = list(query.selected_columns)
        super().__init__(query, columns)
        #: The query for PostgreSQL without SQLAlchemy.
        self.hot = _hot(query)

    def rows(self, connection: Connection, **values: object) -> list[dict[str, Any]]:
        """Return the rows, each as its columns by name."""
        form = self._form(connection)
        return [form.reader.named(row) for row in form.run(connection, values).fetchall()]

    def named(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return rows of ``hot``, each as its columns by name."""
        return [self._postgresql.reader.named(row) for row in rows]

    def parameters(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """Return the parameters of ``hot``."""
        return {**self._postgresql.fixed, **values}

    def first(self, connection: Connection, **values: object) -> dict[str, Any] | None:
        """Return the first row, or None if there are no rows."""
        return next(iter(self.rows(connection, **values)), None)


class CompiledUpdate(_Compiled):
    """One UPDATE whose new values are parameters named as their columns, and which returns columns."""

    def __init__(
        self, statement: Update, values: Sequence[Column[Any]], returned: Sequence[Column[Any]]
    ) -> None:
        """Compile the statement, which sets the columns ``values``, for both databases."""
        super().__init__(statement.returning(*returned), returned)
        self._writer = RowWriter(values)

    def first(self, connection: Connection, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Run it; return the changed row by column name, None if no row was changed."""
        form = self._form(connection)
        row = form.run(connection, self._writer.written(values)).fetchone()
        return None if row is None else form.reader.named(row)


class CompiledInsert:
    """One INSERT of text, bytes, numbers and datetimes; a row with an existing unique key is ignored."""

    def __init__(self, table: Table) -> None:
        """Compile the INSERT for both databases."""
        moments = [column for column in table.columns if isinstance(column.type, Moment)]
        self._writer = RowWriter(moments)
        self._sqlite = str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=_SQLITE))
        insert = postgresql.insert(table).on_conflict_do_nothing()
        self._postgresql = str(insert.compile(dialect=_POSTGRESQL))

    def add(self, connection: Connection, row: Mapping[str, Any]) -> bool:
        """Insert the row, which needs a value for each column; False if it exists already."""
        cursor = connection.connection.cursor()
        text = self._postgresql if is_postgresql(connection) else self._sqlite
        cursor.execute(text, self._writer.written(row))
        return cursor.rowcount > 0


def _writer_of(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, Moment):
        return micros
    return json.dumps if isinstance(kind, JSON) else None


def _compile(query: Select[Any] | CompoundSelect[Any] | Update, dialect: Dialect, reader: RowReader) -> _Form:
    compiled = query.compile(dialect=dialect)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return _Form(text=str(compiled), fixed=fixed, reader=reader)


def _hot(query: Select[Any] | CompoundSelect[Any]) -> HotText:
    compiled = query.compile(dialect=_NUMBERED)
    names = compiled.positiontup or []
    text = _PARAMETER.sub(lambda match: f":{names[int(match[1]) - 1]}", str(compiled))
    kinds = {name: _kind(compiled.binds[name].type) for name in names}
    return HotText(text, **kinds)


def _kind(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, Moment | BigInteger | Integer):
        return "bigint"
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "boolean" if isinstance(kind, Boolean) else "text"


def _on_sqlite(kind: TypeEngine[Any]) -> _Reader | None:
    """Return the converter for a type; SQLite has neither booleans nor JSON."""
    if isinstance(kind, Boolean):
        return bool
    return json.loads if isinstance(kind, JSON) else _on_postgresql(kind)


def _on_postgresql(kind: TypeEngine[Any]) -> _Reader | None:
    return moment if isinstance(kind, Moment) else None
