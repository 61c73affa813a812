"""Keep the registers of accounts."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None
# An older node would destroy a key version that still seals entries of registers.
serves = '0016'


def upgrade() -> None:
    op.create_table(
        'register_entries',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('register', sa.String(), nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('sealed_entry', sa.LargeBinary(), nullable=False),
        sa.Column('key_version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_register_entries')),
    )
    op.create_index(
        'ix_register_entries_page', 'register_entries', ['account_id', 'register', 'created_at', 'id'], unique=False
    )
    record = sa.text("register = 'processing_record'")
    op.create_index(
        'ix_register_entries_record', 'register_entries', ['account_id'], unique=True,
        sqlite_where=record, postgresql_where=record,
    )


def downgrade() -> None:
    op.drop_index('ix_register_entries_record', table_name='register_entries')
    op.drop_index('ix_register_entries_page', table_name='register_entries')
    op.drop_table('register_entries')
