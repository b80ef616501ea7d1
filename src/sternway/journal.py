"""How the rack logs: stdlib loggers with a fixed sentence and fields, written as text or JSON lines to stderr.

Environment values, tokens and passwords are never given to a logger.
"""

import logging
import sys
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from sternway.ports import LogLine

_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

KEPT_LINES = 2000
SOURCE = "system/rack"


class RecentLines(logging.Handler):
    """Fills `ports.Journal`: the newest lines, for whoever looks at the rack from afar."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self.setFormatter(_formatter(as_json=False, with_time=False))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        at = datetime.fromtimestamp(record.created, UTC)
        self._lines.append(LogLine(at, SOURCE, self.format(record).encode(errors="replace")))

    def lines(self, after: datetime | None) -> Sequence[LogLine]:
        """Return those later than `after`."""
        return [line for line in tuple(self._lines) if after is None or line.at > after]


def begin(*, as_json: bool, level: str = "INFO") -> RecentLines:
    """Have every logger write to stderr, as JSON lines or as text, and return what keeps the newest lines."""
    recent = RecentLines()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(as_json=as_json))
    root = logging.getLogger()
    root.handlers = [handler, recent]
    root.setLevel(level)
    for noisy in ("uvicorn", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return recent


def _formatter(*, as_json: bool, with_time: bool = True) -> logging.Formatter:
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        last += [structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED if with_time else _SHARED[:-1], processors=last
    )
