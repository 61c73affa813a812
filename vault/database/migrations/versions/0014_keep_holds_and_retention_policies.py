"""Keep holds, retention policies, erasures that wait, and what the policies say of each recording."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None
#: A release before it does not ask the holds before it erases.
serves = '0014'

def _columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column('retention_class', sa.String(), nullable=True),
        sa.Column('policy_version', sa.Integer(), server_default=sa.text('0'), nullable=False),
        sa.Column('act_at', sa.BigInteger(), nullable=True),
        sa.Column('minimum_until', sa.BigInteger(), nullable=True),
        sa.Column('legal_until', sa.BigInteger(), nullable=True),
        sa.Column('holds', sa.Integer(), server_default=sa.text('0'), nullable=False),
        sa.Column('object_locked_until', sa.BigInteger(), nullable=True),
    )


_INDEXES = (
    ('ix_recordings_act', ['act_at', 'id'], 'act_at IS NOT NULL AND holds = 0'),
    ('ix_recordings_held', ['account_id', 'id'], 'holds > 0'),
    ('ix_recordings_policy_version', ['account_id', 'policy_version', 'id'], "state = 'available'"),
)


def upgrade() -> None:
    for column in _columns():
        op.add_column('recordings', column)
    op.add_column('api_keys', sa.Column('created_by', sa.String(), nullable=True))
    for name, columns, condition in _INDEXES:
        where = sa.text(condition)
        op.create_index(name, 'recordings', columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_table(
        'retention_policies',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('policy', sa.JSON(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.Column('effective_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'version', name=op.f('pk_retention_policies')),
    )
    op.create_table(
        'holds',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('covers', sa.JSON(), nullable=False),
        sa.Column('sealed_text', sa.String(), nullable=False),
        sa.Column('placed_at', sa.BigInteger(), nullable=False),
        sa.Column('placed_by', sa.String(), nullable=False),
        sa.Column('ends_at', sa.BigInteger(), nullable=True),
        sa.Column('released_at', sa.BigInteger(), nullable=True),
        sa.Column('released_by', sa.String(), nullable=True),
        sa.Column('free_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_holds')),
    )
    op.create_index('ix_holds_account', 'holds', ['account_id', 'free_at'], unique=False)
    _create_work_tables()


def _create_work_tables() -> None:
    op.create_table(
        'pending_erasures',
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('since', sa.BigInteger(), nullable=False),
        sa.Column('cause', sa.String(), nullable=False),
        sa.Column('actor', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('recording_id', name=op.f('pk_pending_erasures')),
    )
    op.create_index('ix_pending_erasures_account_id', 'pending_erasures', ['account_id'], unique=False)
    op.create_table(
        'previews',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('digest', sa.String(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'digest', name=op.f('pk_previews')),
    )
    op.create_index('ix_previews_at', 'previews', ['at'], unique=False)
    op.create_table(
        'approvals',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('asked_by', sa.String(), nullable=False),
        sa.Column('asked_at', sa.BigInteger(), nullable=False),
        sa.Column('decided_by', sa.String(), nullable=True),
        sa.Column('decided_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_approvals')),
    )
    op.create_index('ix_approvals_account_id', 'approvals', ['account_id'], unique=False)
    op.create_table(
        'retention_runs',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('ran_at', sa.BigInteger(), nullable=False),
        sa.Column('erased', sa.BigInteger(), nullable=False),
        sa.Column('residue', sa.BigInteger(), nullable=True),
        sa.Column('outcome', sa.String(), nullable=False),
        sa.Column('uncapped_until', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('account_id', name=op.f('pk_retention_runs')),
    )


def downgrade() -> None:
    if op.get_bind().execute(sa.text('SELECT 1 FROM holds LIMIT 1')).first() is not None:
        raise RuntimeError('There are holds, which a release before this schema does not ask before it erases.')
    for table in ('retention_runs', 'approvals', 'previews', 'pending_erasures', 'holds', 'retention_policies'):
        op.drop_table(table)
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name='recordings')
    op.drop_column('api_keys', 'created_by')
    for column in _columns():
        op.drop_column('recordings', column.name)
