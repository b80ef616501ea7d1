"""Use cases inside a process: run a command, copy files, connect. Nothing of what passes is kept or logged.

The history says who did it, where and why, and neither commands nor paths: both may hold what is secret.

A process is named by its id, or by its service, which stands for one of its running processes.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sternway.core.app import Made
from sternway.core.errors import InvalidInput, NotFound
from sternway.core.event import Happening
from sternway.core.formation import Health
from sternway.ops import apps, processes
from sternway.ops.processes import ProcessView
from sternway.ops.rack import Rack
from sternway.ports import Execution, Pipe, Session

MAX_PORT = 65535


async def find(rack: Rack, app_name: str, name: str) -> str:
    """Return the id of the process of this id, or of one that runs for the service of this name; raises NotFound."""
    views = await processes.list_running(rack, app_name)
    if any(view.state.id == name for view in views):
        return name
    running = [view for view in views if view.service == name and _runs(view)]
    if running:
        return min(running, key=_by_fitness).state.id
    is_service = any(view.name == name for view in await processes.services(rack, app_name))
    wanted = f"no process of {name} runs" if is_service else f"process not found: {name}"
    raise NotFound(wanted, hint=f"sternway ps -a {app_name}")


@asynccontextmanager
async def execute(rack: Rack, app_name: str, name: str, execution: Execution, made: Made) -> AsyncIterator[Session]:
    """Run a command inside a process until the block ends; raises NotFound."""
    if not execution.words:
        raise InvalidInput("command: missing", hint="name a program to run")
    process_id = await _entered(rack, app_name, name, "process:exec", made)
    async with rack.processes.execute(app_name, process_id, execution) as session:
        yield session


async def read_files(rack: Rack, app_name: str, name: str, path: str, made: Made) -> AsyncGenerator[bytes]:
    """Yield a tar of a file or directory; raises NotFound before anything else."""
    _check_path(path)
    process_id = await _entered(rack, app_name, name, "process:files:read", made)
    async for chunk in rack.processes.read_files(app_name, process_id, path):
        yield chunk


async def write_files(rack: Rack, app_name: str, name: str, tar: AsyncIterator[bytes], made: Made) -> None:
    """Unpack a tar at the root of the file system of a process; names in it are paths from there."""
    process_id = await _entered(rack, app_name, name, "process:files:write", made)
    await rack.processes.write_files(app_name, process_id, "/", tar)


async def delete_files(rack: Rack, app_name: str, name: str, paths: Collection[str], made: Made) -> None:
    """Remove files and directories of a process."""
    for path in paths:
        _check_path(path)
    process_id = await _entered(rack, app_name, name, "process:files:delete", made)
    await rack.processes.delete_files(app_name, process_id, paths)


def connect(rack: Rack, host: str, port: int) -> AbstractAsyncContextManager[Pipe]:
    """Connect to a host as the apps see it, until the block ends."""
    if not 0 < port <= MAX_PORT:
        raise InvalidInput(f"port: not between 1 and {MAX_PORT}", hint="write HOST:PORT")
    return rack.processes.connect(host, port)


async def _entered(rack: Rack, app_name: str, name: str, action: str, made: Made) -> str:
    """Return the id of the process that is meant, once it is on record who does what there."""
    process_id = await find(rack, app_name, name)
    detail = {"process": process_id} | ({"reason": made.reason} if made.reason else {})
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        await apps.record(ledger, app, Happening(action, made.by, made.at, detail=detail))
    return process_id


def _runs(view: ProcessView) -> bool:
    return not view.is_one_off and view.state.health in (Health.HEALTHY, Health.UNHEALTHY)


def _by_fitness(view: ProcessView) -> tuple[bool, int, str]:
    return view.state.health is not Health.HEALTHY, view.state.slot, view.state.id


def _check_path(path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise InvalidInput("file: not an absolute path", hint="begin it with a slash")
