"""Keep the limits that admins set for accounts."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None
serves = '0010'


def upgrade() -> None:
    op.create_table(
        'account_limits',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('requests_per_second', sa.BigInteger(), nullable=True),
        sa.Column('bytes_in_flight', sa.BigInteger(), nullable=True),
        sa.Column('queue', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('account_id', name=op.f('pk_account_limits')),
    )


def downgrade() -> None:
    op.drop_table('account_limits')
