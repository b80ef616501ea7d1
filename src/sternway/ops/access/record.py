"""What was done about access, in the history of the rack, and said to those who wait. Never a secret of it."""

from sternway.core.access import Grant
from sternway.core.app import Made
from sternway.core.event import RACK_CHAIN, Happening
from sternway.ops.changes import RACK
from sternway.ops.rack import Rack
from sternway.ports import Ledger


async def event(ledger: Ledger, action: str, made: Made, **detail: str) -> None:
    """Append to the history of the rack."""
    said = detail | ({"reason": made.reason} if made.reason else {})
    await ledger.events.append(RACK_CHAIN, Happening(action, made.by, made.at, detail=said))


def announce(rack: Rack) -> None:
    """Have every stream that is open look at once whether it still may be."""
    rack.changes.notify(RACK)


def grant_detail(grant: Grant) -> dict[str, str]:
    """Return what is allowed as members of an event."""
    apps = {} if grant.apps is None else {"apps": ",".join(sorted(grant.apps))}
    return {"role": str(grant.role)} | apps
