"""Let the erasure of a call's facts wait for the end of a hold, as that of a recording does."""

import sqlalchemy as sa
from alembic import op

revision = '0044'
down_revision = '0043'
branch_labels = None
depends_on = None
#: A release before it cannot read the closing act of an erasure that waits, and would never carry it out.
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'pending_call_erasures',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('call_ref', sa.String(), nullable=False),
        sa.Column('since', sa.BigInteger(), nullable=False),
        sa.Column('actor', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'call_ref', name=op.f('pk_pending_call_erasures')),
    )


def downgrade() -> None:
    op.drop_table('pending_call_erasures')
