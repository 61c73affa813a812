"""Keep closing acts, so that each can be put to the object store and found again there."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

_DUE = sa.text('NOT stored')
_OPEN = sa.text('stored AND NOT settled')


def upgrade() -> None:
    op.create_table('closing_acts',
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('subject', sa.String(), nullable=True),
    sa.Column('batch', sa.String(), nullable=True),
    sa.Column('act', sa.LargeBinary(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=True),
    sa.Column('log_size', sa.BigInteger(), nullable=True),
    sa.Column('stored', sa.Boolean(), nullable=False),
    sa.Column('settled', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('event_id', name=op.f('pk_closing_acts'))
    )
    op.create_index('ix_closing_acts_due', 'closing_acts', ['account_id', 'subject'],
                    sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index('ix_closing_acts_open', 'closing_acts', ['account_id', 'batch'],
                    sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_table('closing_acts')
