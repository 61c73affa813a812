"""Keep the sessions of people in the console."""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0017'
branch_labels = None
depends_on = None
#: A release before it knows no console, and leaves its tables alone.
serves = '0017'


def upgrade() -> None:
    op.create_table(
        'console_sessions',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=True),
        sa.Column('key_id', sa.String(), nullable=True),
        sa.Column('person_id', sa.String(), nullable=True),
        sa.Column('sid', sa.String(), nullable=True),
        sa.Column('scopes', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('last_used_at', sa.BigInteger(), nullable=False),
        sa.Column('ends_at', sa.BigInteger(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_console_sessions')),
        sa.UniqueConstraint('secret_hash', name=op.f('uq_console_sessions_secret_hash')),
    )
    op.create_index('ix_console_sessions_account', 'console_sessions', ['account_id', 'created_at'])
    op.create_index('ix_console_sessions_ends_at', 'console_sessions', ['ends_at'])
    where = sa.text('person_id IS NOT NULL')
    op.create_index(
        'ix_console_sessions_person', 'console_sessions', ['person_id'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )
    op.create_table(
        'console_invitations',
        sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
        sa.Column('key_id', sa.String(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('secret_hash', name=op.f('pk_console_invitations')),
    )
    op.create_index(op.f('ix_console_invitations_expires_at'), 'console_invitations', ['expires_at'])


def downgrade() -> None:
    op.drop_table('console_invitations')
    op.drop_table('console_sessions')
