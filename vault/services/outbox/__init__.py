"""The outbox: everything that the vault sends to others goes through it, a folder of ``kinds`` for each kind."""
