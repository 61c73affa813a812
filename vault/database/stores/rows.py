"""What all stores are: the rows of one subject, in one transaction."""

from sqlalchemy import Connection


class Rows:
    """Rows of one subject, read and written inside the transaction that is open on the connection."""

    def __init__(self, connection: Connection) -> None:
        """Work inside the transaction that is open on ``connection``, which its caller starts and ends."""
        self._db = connection
