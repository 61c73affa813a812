"""A column that has a list of names."""

from typing import Any

from sqlalchemy import JSON, Dialect, TypeDecorator


class Names(TypeDecorator[tuple[str, ...]]):
    """Names, stored as a JSON list; none are NULL, as in a row of an earlier release."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> list[str] | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert names to a JSON list."""
        return list(value) if value else None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert a JSON list to names."""
        return tuple(value or ())
