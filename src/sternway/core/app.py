"""Apps and what is set for them beside their releases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

ASK_REASON = "AskReason"
"""The parameter of an app that has people asked why they change something."""

_YES = frozenset({"yes", "true", "on", "1"})


@dataclass(frozen=True, slots=True)
class Made:
    """Who did something, when (aware UTC), and why if they said so."""

    at: datetime
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What applies to an app whichever release is active. Every change is a new row in the ledger.

    `scale` overrides the manifest's count by service.
    """

    locked: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, int] = field(default_factory=dict)

    @property
    def asks_reason(self) -> bool:
        """Tell whether people are asked why they change something."""
        return self.parameters.get(ASK_REASON, "").lower() in _YES


@dataclass(frozen=True, slots=True)
class App:
    """An app. `id` is never used again, `name` may be once the app was deleted."""

    id: int
    name: str
    made: Made
    settings: Settings = field(default_factory=Settings)
    is_deleted: bool = False


class AppStatus(StrEnum):
    """What clients of the wire are told; the words are the contract's."""

    RUNNING = "running"
    UPDATING = "updating"
    ROLLBACK = "rollback"
    DELETING = "deleting"
