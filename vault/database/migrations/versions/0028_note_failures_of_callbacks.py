"""Note of each callback when it was reached last, and how its last failed delivery ended."""

import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None
#: A release before it would write the object of an account without its callback, which a restore would then lose.
serves = '0028'


def upgrade() -> None:
    op.add_column('request_callbacks', sa.Column('delivered_at', sa.BigInteger(), nullable=True))
    op.add_column('request_callbacks', sa.Column('failed_at', sa.BigInteger(), nullable=True))
    op.add_column('request_callbacks', sa.Column('failure', sa.String(), nullable=True))
    # Their objects do not have the callback yet.
    op.execute('UPDATE accounts SET revision = revision + 1 WHERE id IN (SELECT account_id FROM request_callbacks)')


def downgrade() -> None:
    for name in ('delivered_at', 'failed_at', 'failure'):
        op.drop_column('request_callbacks', name)
