"""Keep the metadata of calls and recordings. A release before it keeps none: run one version after the upgrade."""

import sqlalchemy as sa
from alembic import op

revision = '0067'
down_revision = '0066'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'call_metadata',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('call_ref', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'call_ref', 'recording_id', name=op.f('pk_call_metadata')),
    )
    op.create_table(
        'call_metadata_terms',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('term', sa.LargeBinary(), nullable=False),
        sa.Column('call_ref', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            'account_id', 'term', 'call_ref', 'recording_id', name=op.f('pk_call_metadata_terms')
        ),
    )
    op.create_index(
        'ix_call_metadata_terms_call', 'call_metadata_terms', ['account_id', 'call_ref', 'recording_id']
    )


def downgrade() -> None:
    op.drop_table('call_metadata_terms')
    op.drop_table('call_metadata')
