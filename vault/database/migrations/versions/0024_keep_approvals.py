"""Keep approvals of every act, not of holds only, and the rule that says which acts need one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None
#: A release before it does not ask the rule before it erases.
serves = '0024'


def _columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column('state', sa.String(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column('approve_by', sa.BigInteger(), nullable=True),
        sa.Column('execute_by', sa.BigInteger(), nullable=True),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.Column('outcome', sa.String(), nullable=True),
        sa.Column('effect', sa.JSON(), nullable=True),
        sa.Column('digest', sa.String(), nullable=True),
        sa.Column('decided_digest', sa.String(), nullable=True),
        sa.Column('sealed_text', sa.String(), nullable=True),
        sa.Column('term', sa.LargeBinary(), nullable=True),
    )


def upgrade() -> None:
    for column in _columns():
        op.add_column('approvals', column)
    # What waits was asked without a digest: it is asked again.
    op.execute(
        "UPDATE approvals SET approve_by = asked_at, digest = '', ended_at = COALESCE(decided_at, asked_at), "
        "state = CASE WHEN decided_at IS NULL THEN 'expired' ELSE 'executed' END"
    )
    where = sa.text("state IN ('pending', 'approved')")
    op.create_index(
        'ix_approvals_open', 'approvals', ['state', 'account_id'], unique=False,
        sqlite_where=where, postgresql_where=where,
    )
    op.create_table(
        'approval_rules',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('verbs', sa.JSON(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', name=op.f('pk_approval_rules')),
    )


def downgrade() -> None:
    asked = 'SELECT 1 FROM approval_rules WHERE enabled LIMIT 1'
    if op.get_bind().execute(sa.text(asked)).first() is not None:
        raise RuntimeError('There are rules for approvals, which a release before this schema does not ask.')
    op.drop_table('approval_rules')
    op.drop_index('ix_approvals_open', table_name='approvals')
    for column in _columns():
        op.drop_column('approvals', column.name)
