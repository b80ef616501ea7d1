"""Use cases of the rack's parameters: what is set for the rack as a whole."""

import difflib
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from sternway.core import registry, standby, version
from sternway.core.app import Made
from sternway.core.errors import InvalidInput
from sternway.core.event import RACK_CHAIN, Happening
from sternway.ops.changes import RACK
from sternway.ops.rack import Rack
from sternway.ports import Ledger, Store

KNOWN: Mapping[str, Callable[[str], str]] = {
    version.CHANNEL: version.read_channel,
    registry.PARAMETER: registry.read_push_to,
    standby.BUDGET: standby.read_budget,
}
"""Each parameter, and what reads its value; all are empty until they are set."""

MAX_NAME_SHOWN = 60


async def get(rack: Rack) -> Mapping[str, str]:
    """Return the value of every parameter that there is."""
    async with rack.store.read() as ledger:
        return await _values(ledger)


async def channel(store: Store) -> str:
    """Return the address of the channel that the rack's versions come from, or nothing."""
    async with store.read() as ledger:
        return (await _values(ledger))[version.CHANNEL]


def check(name: str, value: str) -> None:
    """Raise InvalidInput for an unknown name or a wrong value."""
    _reader(name)(value)


async def set(rack: Rack, changes: Mapping[str, str], made: Made) -> Mapping[str, str]:
    """Merge values into those that are set, and return all.

    Raises InvalidInput for an unknown name or a wrong value; nothing is changed then.
    """
    wanted = {name: _reader(name)(value) for name, value in changes.items()}
    async with rack.store.write() as ledger:
        before = await _values(ledger)
        changed = {name: value for name, value in wanted.items() if value != before[name]}
        if changed:
            await ledger.parameters.set(before | changed, made)
            await ledger.events.append(RACK_CHAIN, _happening(changed, made))
    rack.changes.notify(RACK)
    return {**before, **changed}


async def _values(ledger: Ledger) -> dict[str, str]:
    stored = await ledger.parameters.get()
    return {name: stored.get(name, "") for name in KNOWN}


def _reader(name: str) -> Callable[[str], str]:
    reader = KNOWN.get(name)
    if reader is None:
        raise InvalidInput(f"parameters: there is no {name[:MAX_NAME_SHOWN]!r}", hint=_advice(name[:MAX_NAME_SHOWN]))
    return reader


def _advice(name: str) -> str:
    nearest = difflib.get_close_matches(name.lower(), KNOWN, n=1)
    known = f"known are: {', '.join(KNOWN)}"
    return f"did you mean {nearest[0]}? {known}" if nearest else known


def _happening(changed: Mapping[str, str], made: Made) -> Happening:
    detail = {"parameters": urlencode(changed), "reason": made.reason}
    return Happening("rack:params", made.by, made.at, detail={key: value for key, value in detail.items() if value})
