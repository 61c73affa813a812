"""How PostgreSQL is named in settings, and to SQLAlchemy."""

from sqlalchemy import URL
from sqlalchemy.engine import make_url


def engine_url(url: str) -> URL:
    """Return the URL for SQLAlchemy: ``postgresql://`` means psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")
