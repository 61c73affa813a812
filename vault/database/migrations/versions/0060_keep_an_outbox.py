"""Keep what waits to be sent to others in one outbox: messages, their destinations, attempts.

Deliveries of callbacks that wait stay where they are: every node of this release moves them into the outbox as soon as
they are due (``vault/services/requests/adopt_deliveries.py``), also those that a node of the release before adds
while it runs beside. That node goes on, and reads none of this.
"""

import sqlalchemy as sa
from alembic import op

revision = '0060'
down_revision = '0056'
branch_labels = None
depends_on = None
serves = '0044'


def _index(table: str, name: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        f'ix_{table}_{name}', table, columns, unique=False, sqlite_where=condition, postgresql_where=condition
    )


def upgrade() -> None:
    op.create_table(
        'outbox_messages',
        sa.Column('destination', sa.String(), nullable=False),
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('type', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=True),
        sa.Column('content', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.Column('is_new', sa.Boolean(), nullable=False),
        sa.Column('lease_token', sa.String(), nullable=True),
        sa.Column('lease_until', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('destination', 'id'),
    )
    _index('outbox_messages', 'new', ['destination'], 'is_new')
    _index('outbox_messages', 'due', ['destination', 'due_at', 'id'], 'lease_until IS NULL')
    _index('outbox_messages', 'leased', ['destination', 'lease_until'], 'lease_until IS NOT NULL')
    _index('outbox_messages', 'recording', ['recording_id'], 'recording_id IS NOT NULL')
    _index('outbox_messages', 'kind', ['kind', 'at'])
    op.create_table(
        'outbox_destinations',
        sa.Column('destination', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.Column('served_at', sa.BigInteger(), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('failing_since', sa.BigInteger(), nullable=True),
        sa.Column('blocked_until', sa.BigInteger(), nullable=True),
        sa.Column('warned', sa.Integer(), nullable=False),
        sa.Column('disabled_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('destination'),
    )
    _index('outbox_destinations', 'next', ['next_at'])
    _index('outbox_destinations', 'account', ['account_id'])
    op.create_table(
        'outbox_attempts',
        sa.Column('destination', sa.String(), nullable=False),
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('type', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=True),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('milliseconds', sa.Integer(), nullable=False),
        sa.Column('outcome', sa.String(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('failure', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('destination', 'id', 'number'),
    )
    _index('outbox_attempts', 'at', ['at'])
    _index('outbox_attempts', 'recording', ['recording_id'], 'recording_id IS NOT NULL')


def downgrade() -> None:
    for table in ('outbox_attempts', 'outbox_destinations', 'outbox_messages'):
        op.drop_table(table)
