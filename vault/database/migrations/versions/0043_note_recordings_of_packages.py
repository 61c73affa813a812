"""Note which recordings are in a package of a person, so that it is deleted when one of them is erased.

Packages of earlier releases have no such rows. They expire within 14 days.
"""

import sqlalchemy as sa
from alembic import op

revision = '0043'
down_revision = '0042'
branch_labels = None
depends_on = None
serves = '0040'


def upgrade() -> None:
    op.create_table(
        'person_package_recordings',
        sa.Column('request_id', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('request_id', 'recording_id', name=op.f('pk_person_package_recordings')),
    )
    op.create_index(
        op.f('ix_person_package_recordings_recording_id'), 'person_package_recordings', ['recording_id']
    )


def downgrade() -> None:
    op.drop_table('person_package_recordings')
