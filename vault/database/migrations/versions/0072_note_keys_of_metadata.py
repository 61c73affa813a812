"""Note which detail keys the account's object has for the metadata in manifests.

A node of the release before writes no metadata, and adds keys without the note.
"""

import sqlalchemy as sa
from alembic import op

revision = '0072'
down_revision = '0071'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('detail_keys', sa.Column('seals_metadata', sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column('detail_keys', 'seals_metadata')
