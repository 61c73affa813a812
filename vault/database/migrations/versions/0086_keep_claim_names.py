"""Keep the names of the claims of the last sign-in by a connection, sealed, to say which one is missing."""

import sqlalchemy as sa
from alembic import op

revision = '0086'
down_revision = '0085'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('sign_in_connections', sa.Column('sealed_claims', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('sign_in_connections', 'sealed_claims')
