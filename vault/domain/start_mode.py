"""What a process may change when it opens the vault. Every operator command declares it (vault/control/commands.py)."""

from enum import StrEnum

from vault.errors import VaultError


class StartMode(StrEnum):
    """Only SERVE migrates, and only its own SQLite file; on PostgreSQL ``callvault migrate`` does it."""

    #: A node. It makes a new vault, and brings its SQLite file to the schema of this release.
    SERVE = "serve"
    #: Reads an existing vault of this schema. Every write to the database or the object store is an error.
    READ = "read"
    #: Works on an existing vault of this schema.
    WRITE = "write"
    #: May also make a new vault, in an empty SQLite data directory or in an empty schema.
    INITIALIZE = "initialize"
    #: Makes the schema in an empty database, and takes over the identity of the vault in the object store.
    RESTORE = "restore"

    @property
    def reads(self) -> bool:
        """Whether every write is an error."""
        return self is StartMode.READ

    @property
    def makes_schema(self) -> bool:
        """Whether an empty SQLite file gets the schema."""
        return self in {StartMode.SERVE, StartMode.INITIALIZE, StartMode.RESTORE}

    @property
    def needs_vault(self) -> bool:
        """Whether the database must already belong to a vault."""
        return self in {StartMode.READ, StartMode.WRITE}


class ReadOnly(VaultError):
    """A command that only reads tried to write. Nothing was changed."""
