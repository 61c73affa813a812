"""Note what was told of a connection whose platform sends nothing any more, or refuses its credentials.

A node of the release before tells nothing of it, and ends no row.
"""

import sqlalchemy as sa
from alembic import op

revision = '0069'
down_revision = '0068'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'connection_alerts',
        sa.Column('connection_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('since', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('connection_id', 'kind', name='pk_connection_alerts'),
    )


def downgrade() -> None:
    op.drop_table('connection_alerts')
