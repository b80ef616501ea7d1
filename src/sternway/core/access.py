"""Who may do what: roles, and whom a caller turned out to be."""

from dataclasses import dataclass
from enum import StrEnum

from sternway.core.errors import Refused


class Role(StrEnum):
    """How much somebody may do; the letters are the contract's. Each may do what the one before may."""

    VIEWER = "r"
    OPERATOR = "rw"
    ADMIN = "rwa"

    def includes(self, other: "Role") -> bool:
        """Tell whether who has this role may do what the other may."""
        return set(other) <= set(self)


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a caller turned out to be. `apps` are the names of those that it is bounded to; None: all, and the rack.

    `name` is what history calls them.
    """

    name: str
    role: Role
    apps: frozenset[str] | None = None

    def require(self, role: Role, app: str | None = None) -> None:
        """Raise Refused unless this caller has the role, for that app; without one, for the rack as a whole."""
        if not self.role.includes(role):
            raise Refused(f"{self.name} may not do this", hint=f"it takes the role {role}; ask who manages the rack")
        if self.apps is not None and app not in self.apps:
            raise Refused(f"{self.name} may not do this here", hint=f"allowed for: {', '.join(sorted(self.apps))}")
