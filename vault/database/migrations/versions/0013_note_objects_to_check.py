"""Note recordings with objects that may be left over; delete checkpoints that nothing reads."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None
serves = '0010'


def upgrade() -> None:
    op.create_table(
        'object_checks',
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('noted_at', sa.BigInteger(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('recording_id', name=op.f('pk_object_checks')),
    )
    op.create_index('ix_object_checks_due_at', 'object_checks', ['due_at'], unique=False)
    # From now on the publication deletes those before it.
    op.execute('DELETE FROM checkpoints WHERE published_at IS NULL AND size < (SELECT max(size) FROM publication)')


def downgrade() -> None:
    op.drop_index('ix_object_checks_due_at', table_name='object_checks')
    op.drop_table('object_checks')
