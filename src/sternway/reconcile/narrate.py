"""What the worker does and sees, in words for people."""

from collections.abc import Iterator

from sternway.core.formation import Health
from sternway.core.plan import Action, Desired, Freeze, Observed, Retire, Start, Switch
from sternway.core.promotion import SWITCHING


def describe(action: Action) -> str:
    """Return one line for an action."""
    match action:
        case Start(formation, count):
            return f"Starting {formation.key.service}: {_processes(count)}"
        case Switch(routes):
            services = ", ".join(f"{route.service} ({_processes(len(route.members))})" for route in routes)
            return f"{SWITCHING}: {services}" if services else "Taking the routes down"
        case Freeze(key):
            return f"Freezing the earlier {key.service}, which stands by"
        case Retire(key, keep):
            return f"Stopping the earlier {key.service}" if keep == 0 else f"Scaling {key.service} down to {keep}"


def healthy(desired: Desired, observed: Observed) -> Iterator[str]:
    """Yield a line for each service whose processes are all healthy."""
    states = {formation.key: formation for formation in observed.formations}
    for target in desired.services:
        state = states.get(target.formation.key)
        count = sum(p.health is Health.HEALTHY for p in state.processes) if state else 0
        if count >= target.count > 0:
            yield f"Healthy: {target.formation.key.service} ({_processes(target.count)})"


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
