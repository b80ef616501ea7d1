"""What is done with single containers: start one that runs once, and look and work inside those there are."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sternway.core.errors import EngineUnavailable, NotFound, Refused, Unsupported
from sternway.core.formation import Formation
from sternway.engines.docker import labels
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.calls.connection import QUICK_S, Connection
from sternway.engines.docker.containers import creation
from sternway.engines.docker.containers.creation import Order
from sternway.engines.docker.containers.nursery import ImageMissing, Nursery, Unstartable
from sternway.engines.docker.containers.process import SHORT_ID
from sternway.engines.docker.inside import copies, network_pipe, once, owners, session
from sternway.engines.docker.inside.meter import Meter
from sternway.engines.docker.inside.owners import Owner
from sternway.engines.docker.networks import Networks
from sternway.engines.docker.volumes import Volumes
from sternway.engines.epoch import EpochFile
from sternway.ports import Clock, Execution, OneOff, Pipe, Session, Usage

NO_SUCH_PROGRAM = (126, 127)
INTERNAL = "internal"

_log = logging.getLogger(__name__)


class DockerProcesses:
    """Fills `ports.Processes`. What it knows is in the engine, but for which one-offs it is just stopping."""

    def __init__(self, connection: Connection, rack: str, images: Images, *, data: Path, clock: Clock) -> None:
        self._connection = connection
        self._rack = rack
        self._api = Api(connection)
        self._clock = clock
        self._epoch = EpochFile(data)
        self._networks = Networks(self._api, rack)
        self._volumes = Volumes(self._api, rack, data.parent)
        self._dice = random.SystemRandom()
        self._nursery = Nursery(self._api, rack, images, self._networks, self._volumes)
        self._shelf = once.Shelf(self._api, rack)
        self._meter = Meter(self._api)
        self._stopping: dict[str, asyncio.Task[None]] = {}

    # --- processes that run once ---------------------------------------------------------------------------

    async def launch(self, formation: Formation, *, epoch: int) -> OneOff:
        """Start a container once; one that cannot be started shows as FAILED with the engine's reason."""
        self._epoch.admit(epoch)
        await self._shelf.sweep(self._clock.now())
        container_id = await self._make(formation)
        try:
            await self._nursery.start(container_id, formation.key.app)
        except Declined as problem:
            # The container keeps the reason, and how it would have ended; where the engine kept none, nothing is left.
            _log.info("A process that runs once did not start.", extra={"status": problem.status})
            if not (await self._describe(formation.key.app, container_id))["State"].get("Error"):
                await self._shelf.remove(container_id)
                raise Refused(f"the process cannot be started: {problem.reason}", hint="see its command") from problem
        found = await self._describe(formation.key.app, container_id)
        one_off = once.read(found, is_stopping=False)
        assert one_off is not None, "it has the labels that it was just given"
        return one_off

    async def one_offs(self, app: str) -> Sequence[OneOff]:
        """Return those that run or ended within the hour; older ones are removed."""
        await self._shelf.sweep(self._clock.now())
        found = await self._shelf.of(app)
        read = [once.read(each, is_stopping=each["Id"] in self._stopping) for each in found]
        return [one_off for one_off in read if one_off]

    async def stop(self, app: str, process_id: str, *, epoch: int) -> None:
        """Begin to stop a one-off; it is removed once it has ended."""
        self._epoch.admit(epoch)
        found = await self._describe(app, process_id)
        container_id = str(found["Id"])
        if container_id not in self._stopping:
            berth = creation.read_labels(found["Config"]["Labels"])
            grace_s = berth.grace_s if berth else QUICK_S
            self._stopping[container_id] = asyncio.create_task(self._end(container_id, grace_s))

    async def _end(self, container_id: str, grace_s: float) -> None:
        try:
            with contextlib.suppress(Declined):
                path, wait = f"containers/{container_id}/stop", str(int(grace_s))
                await self._api.post(path, within_s=grace_s + QUICK_S, t=wait)
            await self._shelf.remove(container_id)
        except EngineUnavailable as problem:
            # It shows again as what it is, and can be stopped again.
            _log.warning("A process that runs once was not stopped.", extra={"problem": problem.message})
        finally:
            self._stopping.pop(container_id, None)

    async def _make(self, formation: Formation) -> str:
        """Make its container, with the image fetched first if the engine lost it."""
        await self._volumes.learn()
        order = Order(creation.berth(formation, 0, formation.release_id), formation, is_once=True)
        try:
            try:
                return await self._nursery.make(order)
            except ImageMissing:
                await self._nursery.bring_back(order)
                return await self._nursery.make(order)
        except (ImageMissing, Unstartable) as problem:
            raise Refused(
                f"the process cannot be started: {problem}", hint="deploy again: sternway deploy"
            ) from problem

    # --- what goes on inside one ---------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def execute(self, app: str, process_id: str, execution: Execution) -> AsyncIterator[Session]:
        """Run a command in a container until the block ends."""
        found = await self._describe(app, process_id)
        entrypoint = found["Config"].get("Entrypoint") or [] if execution.by_entrypoint else []
        whole = Execution((*entrypoint, *execution.words), execution.has_terminal, execution.size)
        async with session.running(self._connection, self._api, found["Id"], whole) as running:
            yield running

    async def read_files(self, app: str, process_id: str, path: str) -> AsyncIterator[bytes]:
        """Yield a tar of a file or directory."""
        found = await self._describe(app, process_id)
        async with contextlib.aclosing(copies.read(self._connection, found["Id"], path)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def write_files(self, app: str, process_id: str, path: str, tar: AsyncIterator[bytes]) -> None:
        """Unpack a tar into a directory; what another user than root runs gets files of its own."""
        found = await self._describe(app, process_id)
        user = str(found["Config"].get("User") or "")
        if not creation.is_root(user) and (owner := await self._owner(app, process_id, user)):
            tar = owners.given_to(tar, owner)
        await copies.write(self._connection, found["Id"], path, tar)

    async def _owner(self, app: str, process_id: str, user: str) -> Owner | None:
        """Return who a user is inside the container; None if there is nobody to ask and it is no number."""
        async with self.execute(app, process_id, Execution(("sh", "-c", "id -u; id -g"))) as running:
            said = b"".join([chunk async for chunk in running.output()]).split()
        if len(said) == 2 and all(number.isdigit() for number in said):
            return Owner(int(said[0]), int(said[1]))
        uid, _, gid = user.partition(":")
        return Owner(int(uid), int(gid) if gid.isdigit() else 0) if uid.isdigit() else None

    async def delete_files(self, app: str, process_id: str, paths: Collection[str]) -> None:
        """Have the container's own `rm` remove them."""
        if not paths:
            return
        execution = Execution(("rm", "-rf", "--", *paths))
        async with self.execute(app, process_id, execution) as running:
            said = b"".join([chunk async for chunk in running.output()])
            code = await running.exit_code()
        if code in NO_SUCH_PROGRAM:
            raise Unsupported("the image of this process has no rm", hint="build one that has")
        if code:
            raise Refused(f"not removed: {said.decode(errors='replace').strip()[:500]}", hint="whose files are they?")

    # --- around them ---------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def connect(self, host: str, port: int) -> AsyncIterator[Pipe]:
        """Connect to a container by `SERVICE.APP`, or to whatever the resolver of this machine knows."""
        address = await self._resolve(host)
        async with network_pipe.opened(address, port, host) as pipe:
            yield pipe

    async def usage(self, app: str) -> Mapping[str, Usage]:
        """Return what the running containers of an app use."""
        found = await self._up(app, "running", "paused")
        made = {str(each["Id"]): datetime.fromtimestamp(each["Created"], UTC) for each in found}
        used = await self._meter.measure(made)
        return {container_id[:SHORT_ID]: usage for container_id, usage in used.items()}

    async def _resolve(self, host: str) -> str:
        service, _, rest = host.lower().rstrip(".").partition(".")
        app, _, domain = rest.partition(".")
        if not app or (domain and domain.partition(".")[0] != INTERNAL):
            return host
        found = [each for each in await self._up(app, "running") if each["Labels"].get(labels.SERVICE) == service]
        addresses = sorted(filter(None, (self._address(app, each) for each in found)))
        if addresses:
            return self._dice.choice(addresses)
        if domain:
            raise NotFound(f"no process of {service} of {app} runs", hint=f"sternway ps -a {app}")
        return host

    def _address(self, app: str, found: Mapping[str, Any]) -> str:
        networks = found["NetworkSettings"]["Networks"]
        return str((networks.get(self._networks.name(app)) or {}).get("IPAddress") or "")

    async def _up(self, app: str, *statuses: str) -> list[Mapping[str, Any]]:
        wanted = {**labels.selecting(self._rack, app=app), "status": list(statuses)}
        try:
            found: list[Mapping[str, Any]] = await self._api.get("containers/json", filters=labels.encoded(wanted))
        except Declined as problem:
            raise session.declined(problem) from problem
        return found

    async def _describe(self, app: str, process_id: str) -> Mapping[str, Any]:
        """Return a container of this app of this rack; any other is as if it were not there."""
        try:
            found: Mapping[str, Any] = await self._api.get(f"containers/{process_id}/json")
        except Declined as problem:
            if problem.status != HTTPStatus.NOT_FOUND:
                raise session.declined(problem) from problem
            found = {}
        marks = (found.get("Config") or {}).get("Labels") or {}
        if (marks.get(labels.RACK), marks.get(labels.APP)) != (self._rack, app):
            raise NotFound(f"process not found: {process_id}", hint="list them: sternway ps")
        return found
