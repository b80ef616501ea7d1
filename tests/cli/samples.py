"""Objects of the API for scripts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sternway.wire import types

DAY = timedelta(days=1)


def app(release: str = "RPQXVNXFGXU", status: str = "running") -> types.App:
    return types.App("shop", status, release)


def release(release_id: str, *, age: timedelta = DAY, **members: Any) -> types.Release:
    created = datetime.now(UTC) - age - timedelta(seconds=1)
    return types.Release(release_id, "shop", created=created, **members)


def promotion(release_id: str, status: str = "updating", *steps: str, **members: Any) -> types.Promotion:
    done = [types.Step(text, datetime.now(UTC)) for text in steps]
    return types.Promotion(7, "shop", release_id, status, steps=done, **members)
