"""Let every account's object be written again, under a name that says which history of the log it is of."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No object has this revision, so each account is due. Its present object stays until then.
    accounts = sa.table('accounts', sa.column('written_revision', sa.BigInteger))
    op.execute(sa.update(accounts).values(written_revision=-1))


def downgrade() -> None:
    """The older release does not read the new names: its objects are to be written again."""
    upgrade()
