"""Keep when the contact that a recording belongs to ended."""

import sqlalchemy as sa
from alembic import op

revision = '0039'
down_revision = '0038'
branch_labels = None
depends_on = None
#: A release before it cannot read the closing act that takes an end back, and would compute periods without ends.
serves = '0039'


def upgrade() -> None:
    op.create_table(
        'contact_ends',
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.Column('told_at', sa.BigInteger(), nullable=False),
        sa.Column('told_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('recording_id', name=op.f('pk_contact_ends')),
    )


def downgrade() -> None:
    op.drop_table('contact_ends')
