"""Take what admins wrote out of the reasons of refused recordings, and let their tombstones be written again."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

_TEXT = 'An admin refused it.'


def upgrade() -> None:
    recordings = sa.table('recordings', sa.column('id', sa.String), sa.column('reasons', sa.JSON),
                          sa.column('manifest_due', sa.Boolean))
    connection = op.get_bind()
    said = sa.cast(recordings.c.reasons, sa.Text)
    query = sa.select(recordings.c.id, recordings.c.reasons).where(said.contains('"refused_by_admin"'))
    for recording_id, reasons in connection.execute(query).all():
        clean = [one | {'text': _TEXT} if one['code'] == 'refused_by_admin' else one for one in reasons]
        if clean != reasons:
            one = sa.update(recordings).where(recordings.c.id == recording_id)
            connection.execute(one.values(reasons=clean, manifest_due=True))


def downgrade() -> None:
    """The words are gone; the older release reads what is left."""
