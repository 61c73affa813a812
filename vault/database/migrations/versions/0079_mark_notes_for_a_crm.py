"""Note which notes their authors let be handed over to a CRM.

A node of the release before cannot open a note that is marked so; it shows the others.
"""

import sqlalchemy as sa
from alembic import op

revision = '0079'
down_revision = '0078'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('recording_notes', sa.Column('for_crm', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column('recording_notes', 'for_crm')
