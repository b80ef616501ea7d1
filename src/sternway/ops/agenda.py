"""Which release commands a promotion has yet to run, as the ledger says it.

A release that declares none costs no query, promoted or gone back to, unless what is in between is to be undone.
"""

from sternway.core import command
from sternway.core.app import App
from sternway.core.command import Command, CommandRun
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.core.release import Release
from sternway.ops import commands
from sternway.ports import Ledger


async def read(
    ledger: Ledger, app: App, promotion: Promotion | None, target: Release | None
) -> tuple[Command | None, tuple[CommandRun, ...]]:
    """Return the command that is due before the target of an open promotion may begin, and the runs so far."""
    if promotion is None or target is None or promotion.status is PromotionStatus.REVERTING:
        return None, ()
    is_undoing = promotion.options.run_rollback_commands
    wanted = await commands.agenda(ledger, app, target, before=promotion.id, is_undoing=is_undoing)
    runs = tuple(await ledger.commands.of(promotion.id)) if wanted else ()
    return command.due(wanted, runs), runs
