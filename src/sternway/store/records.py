"""The newest of the records that say how something stands."""

from typing import Any

import sqlalchemy as sa


def newest(records: sa.Table, owner: str, of: sa.Column[Any]) -> sa.ScalarSelect[int]:
    """The number of the last record whose column `owner` is `of`: the end of a range in an index."""
    record = records.alias()
    found = sa.select(sa.func.max(record.c.id)).where(record.c[owner] == of)
    return found.correlate(of.table).scalar_subquery()
