"""Which release commands a promotion has yet to run, as the ledger says it.

A release that declares none costs no query, promoted or gone back to, unless what is in between is to be undone.
"""

from dataclasses import replace

from sternway.core import command
from sternway.core.app import App
from sternway.core.command import Command, CommandRun, Declared, Reached
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.core.release import Release
from sternway.ports import Ledger


async def read(
    ledger: Ledger, app: App, promotion: Promotion | None, target: Release | None
) -> tuple[Command | None, tuple[CommandRun, ...]]:
    """Return the command that is due before the target of an open promotion may begin, and the runs so far."""
    if promotion is None or target is None or promotion.status is PromotionStatus.REVERTING:
        return None, ()
    wanted = await _wanted(ledger, app, promotion, target)
    runs = tuple(await ledger.commands.of(promotion.id)) if wanted else ()
    return command.due(wanted, runs), runs


async def _wanted(ledger: Ledger, app: App, promotion: Promotion, target: Release) -> tuple[Command, ...]:
    """Return what the promotion runs in all; it stays the same while the promotion is open."""
    declared = command.declared(target, Reached(target.id, target.build_id or "", 0, 0))
    if not target.is_rollback:
        return command.forth(declared, (), is_rollback=False)
    is_undoing = promotion.options.run_rollback_commands
    if not (is_undoing or declared.release):
        return ()
    history = await ledger.commands.history(app, target)
    effects = [effect for effect in history.effects if effect.promotion_id < promotion.id]
    passed = [await _declared(ledger, app, each) for each in history.newer] if is_undoing else []
    return (
        *command.back(history.own, passed, effects),
        *command.forth(replace(declared, reached=history.own), effects, is_rollback=True),
    )


async def _declared(ledger: Ledger, app: App, reached: Reached) -> Declared:
    return command.declared(await ledger.releases.get(app, reached.release_id), reached)
