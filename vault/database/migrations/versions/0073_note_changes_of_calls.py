"""Note when each call changed. A release before it notes nothing: run one version after the upgrade.

What PostgreSQL adds to the number of a transaction begins with the time, so that the numbers are higher than those of
a database that was lost.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = '0073'
down_revision = '0072'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'call_changes',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('call_ref', sa.String(), nullable=False),
        sa.Column('changed', sa.BigInteger(), nullable=False),
        sa.Column('erased', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'call_ref', name=op.f('pk_call_changes')),
    )
    op.execute(
        'INSERT INTO call_changes (account_id, call_ref, changed, erased) '
        'SELECT DISTINCT account_id, call_ref, 0, false FROM call_facts'
    )
    op.create_index('ix_call_changes_changed', 'call_changes', ['account_id', 'changed', 'call_ref'])
    base = op.create_table(
        'call_change_base',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('base', sa.BigInteger(), nullable=False),
        sa.Column('history', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_call_change_base')),
    )
    op.execute(base.insert().values(id=1, base=time.time_ns() // 1000))


def downgrade() -> None:
    op.drop_table('call_change_base')
    op.drop_table('call_changes')
