"""Has the rack moved to the version that is wished for, and puts on record how it ended.

What is wished for stands in the ledger, and what the launcher does in its files: a rack that is started again in the
middle needs nothing else. A wish that a crash cut off fails at the next start (`ops.versions.begin`).
"""

import logging

from sternway.core.errors import Refused, SternwayError
from sternway.ops import examination, versions
from sternway.ops.changes import RACK
from sternway.ops.rack import Rack
from sternway.ports import Move

log = logging.getLogger(__name__)

LOOK_S = 0.25
"""How often the launcher is looked at while it works."""
IDLE_S = 60.0
AFTER_ERROR_S = 5.0


async def run(rack: Rack) -> None:
    """Make one move after the other until cancelled, or until the rack is about to end."""
    while not rack.changes.is_over:
        seen = rack.changes.version(RACK)
        try:
            is_idle = await step(rack)
        except SternwayError as exc:
            log.warning("cannot look after versions", extra={"problem": exc.message})
            await rack.clock.sleep(AFTER_ERROR_S)
            continue
        if is_idle:
            await rack.changes.wait(RACK, seen, IDLE_S)
        else:
            await rack.clock.sleep(LOOK_S)


async def step(rack: Rack) -> bool:
    """Do what can be done now; return whether there is nothing more to wait for.

    Outcomes are recorded before a wish is looked for: the launcher writes one before it is quiet, so a move that
    has ended is never begun again.
    """
    if await rack.versions.under_way():
        return False
    await versions.record_outcomes(rack)
    if (move := await versions.wished(rack)) is None:
        return True
    return not await carry_out(rack, move)


async def carry_out(rack: Rack, move: Move) -> bool:
    """Install the version and hand the move to the launcher; return whether it has it.

    Whatever fails is on record with its cause, and nothing was done.
    """
    try:
        await _hand_over(rack, move)
    except SternwayError as exc:
        await versions.fail(rack, move, f"{exc.message}; {exc.hint}" if exc.hint else exc.message)
        log.warning("not moved", extra={"version": move.target, "cause": exc.message})
        return False
    except Exception as exc:
        log.exception("a move failed unexpectedly", extra={"version": move.target})
        await versions.fail(rack, move, f"unexpected {type(exc).__name__}; see the log of the rack")
        return False
    log.info("handed to the launcher", extra={"version": move.target})
    return True


async def _hand_over(rack: Rack, move: Move) -> None:
    offer = await rack.versions.prepare(move.target)
    # Looked at again: rows may have come since the move was wished for, and only now is it the version that speaks.
    found = await examination.rows(rack, offer, accept_export=move.accept_export)
    if found.problem:
        raise Refused(found.found, hint=found.problem.hint) from found.problem
    await rack.versions.order(move)
