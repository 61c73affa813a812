"""Find calls by keyed hashes of their numbers and agents, also calls without recordings."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Facts are sealed, so rows of earlier releases get their terms when something more is said of their calls.
    op.create_table('call_terms',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('term', sa.LargeBinary(), nullable=False),
    sa.Column('call_ref', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'term', 'call_ref', name=op.f('pk_call_terms'))
    )
    op.create_index('ix_call_terms_call', 'call_terms', ['account_id', 'call_ref'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_call_terms_call', table_name='call_terms')
    op.drop_table('call_terms')
