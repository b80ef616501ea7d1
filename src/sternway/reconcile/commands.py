"""Release commands as a worker runs them: once each, in a process of their own, found again after a restart.

A run is on record before its process is launched, and the process carries the mark of the run as its
fingerprint. Whoever finds a run that has begun looks for the mark first, so a rack that dies in between starts
nothing twice. What a process printed is kept before the end of its run is recorded.
"""

from dataclasses import replace
from datetime import timedelta

from sternway.core import command
from sternway.core.app import App
from sternway.core.command import Command, CommandRun, RunStatus
from sternway.core.crossing import Crossing
from sternway.core.errors import CallerError, NotFound
from sternway.core.formation import Formation, Health, HealthCheck
from sternway.core.manifest import parse
from sternway.core.plan import Outcome, Verdict
from sternway.core.promotion import Promotion, PromotionOptions, PromotionStatus
from sternway.core.target import desire
from sternway.ops import commands
from sternway.ops.rack import Rack
from sternway.ops.situation import Situation
from sternway.ports import OneOff
from sternway.reconcile.chronicle import Chronicle

LOST_AFTER = timedelta(minutes=50)
"""Engines remember for an hour what ended: a run that began longer ago and has no process may have had one."""
STARTS_WITHIN = timedelta(seconds=15)
"""What is not at work after that never will be: the rack died while it was being made."""
SETTLES_WITHIN_S = 2.0
"""How long an engine may take to say with which code a process ended."""
LAST_LINE_LENGTH = 300

_CROSSINGS = {
    RunStatus.BEGUN: (Crossing.COMMAND_BEGINNING, Crossing.COMMAND_BEGUN),
    RunStatus.RUNNING: (None, Crossing.COMMAND_RUNNING),
    RunStatus.SUCCEEDED: (Crossing.COMMAND_ENDING, Crossing.COMMAND_ENDED),
    RunStatus.FAILED: (Crossing.COMMAND_ENDING, Crossing.COMMAND_ENDED),
    RunStatus.STOPPED: (None, Crossing.COMMAND_STOPPED),
}
_AT_WORK = (Health.STARTING, Health.HEALTHY, Health.UNHEALTHY, Health.FROZEN)


class Commands:
    """Those of one app. What it remembers can be read again: which runs have yet to end."""

    def __init__(self, rack: Rack, epoch: int, chronicle: Chronicle) -> None:
        self._rack = rack
        self._epoch = epoch
        self._chronicle = chronicle
        self._app_id: int | None = None
        self._open: dict[tuple[int, Command], CommandRun] = {}
        self._failing: dict[str, float] = {}

    @property
    def are_open(self) -> bool:
        """Tell whether a command runs, or is being stopped."""
        return bool(self._open)

    async def look(self, now: Situation) -> Verdict | None:
        """Take the command that is due a step further, and say how the rollout stands while there is one.

        What runs for a promotion that goes on no more is stopped; nothing else begins until it is gone.
        """
        if now.app is None:
            return None
        await self._learn(now.app)
        is_clear = await self._stop_stale(now.app, now.open)
        if now.due is None or now.open is None:
            return None
        if not is_clear:
            return Verdict(Outcome.WAITING, "a command of an earlier promotion has yet to end")
        try:
            return await self._advance(now.app, now.open, now)
        except CallerError as exc:
            return Verdict(Outcome.FAILED, f"{now.due}: {exc.message}")

    async def _learn(self, app: App) -> None:
        """Read once which runs an earlier rack left open."""
        if self._app_id != app.id:
            async with self._rack.store.read() as ledger:
                found = await ledger.commands.list_open(app)
            self._open = {(run.promotion_id, run.command): run for run in found}
            self._app_id = app.id

    # --- one step further ---

    async def _advance(self, app: App, promotion: Promotion, now: Situation) -> Verdict:
        run = next((run for run in now.runs if run.command == now.due), None)
        if run is None:
            return await self._begin(app, promotion, now.due) if now.due else Verdict(Outcome.WAITING)
        if not run.status.is_open:
            return Verdict(Outcome.FAILED, run.cause)
        found = await self._find(app, run)
        if found is None:
            return await self._after_loss(app, run)
        return await self._attend(app, promotion, run, found)

    async def _begin(self, app: App, promotion: Promotion, due: Command) -> Verdict:
        """Put a run on record and launch it, unless its promotion was given up meanwhile."""
        run = CommandRun(promotion.id, due, RunStatus.BEGUN, self._rack.clock.now())
        formation = await self._formation(app, run)
        self._chronicle.note(promotion, f"Running the {due}")
        if await self._record(app, run):
            await self._launch(app, run, formation)
        return _waiting(run)

    async def _launch(self, app: App, run: CommandRun, formation: Formation) -> None:
        one_off = await self._rack.processes.launch(formation, epoch=self._epoch)
        self._rack.cross(Crossing.COMMAND_LAUNCHED)
        await self._record(app, replace(run, status=RunStatus.RUNNING, process_id=one_off.state.id))

    async def _after_loss(self, app: App, run: CommandRun) -> Verdict:
        """Deal with a run that has no process: one that cannot have had any is launched now."""
        is_recent = self._rack.clock.now() - run.at < LOST_AFTER
        if run.status is RunStatus.BEGUN and is_recent:
            await self._launch(app, run, await self._formation(app, run))
            return _waiting(run)
        cause = f"{run.command}: its process is gone, and how it ended is not known"
        await self._record(app, replace(run, status=RunStatus.FAILED, cause=cause))
        return Verdict(Outcome.FAILED, cause)

    async def _attend(self, app: App, promotion: Promotion, run: CommandRun, found: OneOff) -> Verdict:
        if run.status is RunStatus.BEGUN:
            if found.state.health is Health.STARTING:
                return await self._await_start(app, run, found)
            run = replace(run, status=RunStatus.RUNNING, process_id=found.state.id)
            await self._record(app, run)
        if not self._has_ended(found):
            return _waiting(run)
        ended = await self._conclude(app, run, found)
        if ended.status is RunStatus.SUCCEEDED:
            self._chronicle.note(promotion, f"Done: {run.command}")
            return _waiting(run)
        return Verdict(Outcome.FAILED, ended.cause)

    async def _await_start(self, app: App, run: CommandRun, found: OneOff) -> Verdict:
        """Wait for what was just launched; what the end of a rack left half made is removed, and made anew."""
        if self._rack.clock.now() - found.state.started_at > STARTS_WITHIN:
            await self._rack.processes.stop(app.name, found.state.id, epoch=self._epoch)
        return _waiting(run)

    def _has_ended(self, found: OneOff) -> bool:
        """Tell whether it has ended; a failure without a code counts once none has come for a while."""
        if found.exit_code is not None or found.state.health is not Health.FAILED:
            return found.exit_code is not None
        now = self._rack.clock.monotonic()
        return now - self._failing.setdefault(found.state.id, now) >= SETTLES_WITHIN_S

    async def _conclude(self, app: App, run: CommandRun, found: OneOff) -> CommandRun:
        """Keep what it printed, and record how it ended."""
        output = await commands.printed(self._rack, app, found.state.id)
        await commands.keep(self._rack, app, run, output)
        self._rack.cross(Crossing.COMMAND_LOGGED)
        status = RunStatus.SUCCEEDED if found.exit_code == 0 else RunStatus.FAILED
        cause = "" if found.exit_code == 0 else _cause(run, found, output)
        ended = replace(run, status=status, process_id=found.state.id, exit_code=found.exit_code, cause=cause)
        await self._record(app, ended)
        return ended

    # --- what is to run no more ---

    async def _stop_stale(self, app: App, promotion: Promotion | None) -> bool:
        """Have end what runs for a promotion that is over or on its way back; tell whether nothing of it is left."""
        is_forward = promotion is not None and promotion.status is not PromotionStatus.REVERTING
        going_on = promotion.id if promotion and is_forward else None
        stale = [run for run in self._open.values() if run.promotion_id != going_on]
        for run in stale:
            await self._stop(app, run)
        return not any(run.promotion_id != going_on for run in self._open.values())

    async def _stop(self, app: App, run: CommandRun) -> None:
        found = await self._find(app, run)
        if found and found.exit_code is not None:
            await self._conclude(app, run, found)
        elif found and found.state.health in _AT_WORK:
            await commands.keep(self._rack, app, run, await commands.printed(self._rack, app, found.state.id))
            self._rack.cross(Crossing.COMMAND_STOPPING)
            await self._rack.processes.stop(app.name, found.state.id, epoch=self._epoch)
        elif found is None or found.state.health is Health.FAILED:
            await self._record(app, replace(run, status=RunStatus.STOPPED, cause=f"{run.command}: it was stopped"))

    # --- what all of it needs ---

    async def _find(self, app: App, run: CommandRun) -> OneOff | None:
        """Return the process of a run by its mark, whoever launched it."""
        mark = self._mark(run)
        there = await self._rack.processes.one_offs(app.name)
        return next((one_off for one_off in there if one_off.fingerprint == mark), None)

    def _mark(self, run: CommandRun) -> str:
        """Return what no other run has, nor any content."""
        words = (run.promotion_id, run.command.kind, run.command.release_id, run.command.service)
        return self._rack.secrets.fingerprint(f"command {' '.join(map(str, words))}".encode())

    async def _formation(self, app: App, run: CommandRun) -> Formation:
        """Return what the service is in that release, with the command and the mark; raises as a promotion would."""
        rack, due = self._rack, run.command
        async with rack.store.read() as ledger:
            release = await ledger.releases.get(app, due.release_id)
            build = await ledger.builds.get(app, release.build_id or "")
        desired = desire(app, release, build, rack.place(), PromotionOptions())
        found = [each.formation for each in desired.services if each.formation.key.service == due.service]
        if not found:
            raise NotFound(f"service not found: {due.service}")
        await rack.builder.verify(app.name, found[0].artifact)
        return replace(
            found[0],
            key=replace(found[0].key, fingerprint=self._mark(run)),
            command=command.text(parse(release.manifest, release.environment).manifest, due),
            port=None,
            health=HealthCheck(settle_s=0.0),
        )

    async def _record(self, app: App, run: CommandRun) -> bool:
        """Record how a run stands; False if it was to begin and its promotion goes on no more."""
        before, after = _CROSSINGS[run.status]
        run = replace(run, at=self._rack.clock.now())
        async with self._rack.store.write() as ledger:
            promotion = await ledger.promotions.get(app, run.promotion_id)
            is_going_on = promotion.status in (PromotionStatus.PENDING, PromotionStatus.UPDATING)
            if run.status is not RunStatus.BEGUN or is_going_on:
                await ledger.commands.record(app, run)
                self._keep_in_mind(run)
            if before:
                self._rack.cross(before)
        self._rack.cross(after)
        self._rack.changes.notify(app.name)
        return is_going_on

    def _keep_in_mind(self, run: CommandRun) -> None:
        key = (run.promotion_id, run.command)
        if run.status.is_open:
            self._open[key] = run
        else:
            self._open.pop(key, None)
            self._failing.pop(run.process_id, None)


def _waiting(run: CommandRun) -> Verdict:
    return Verdict(Outcome.WAITING, f"the {run.command} has not ended")


def _cause(run: CommandRun, found: OneOff, output: bytes) -> str:
    """Say how it ended, with the last line that it printed."""
    lines = output.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "") or found.state.detail
    ended = "failed" if found.exit_code is None else f"exited with code {found.exit_code}"
    return f"the {run.command} {ended}" + (f": {last[:LAST_LINE_LENGTH]}" if last else "")
