"""Routes of processes: list and stop them, and start one that runs once."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import Response

from sternway.api import answers
from sternway.api.headers import text_of
from sternway.api.inputs import AppName, MadeIn, ProcessId, RackIn, ServiceName
from sternway.core.environment import Environment
from sternway.core.errors import InvalidInput, Unsupported
from sternway.core.names import is_environment_key
from sternway.ops import one_offs, processes
from sternway.ops.one_offs import OneOffRequest

REFUSED = {"Image": "", "Privileged": "false", "Volumes": ""}
"""Headers that would change what runs and cannot be followed, with the values that mean nothing."""
MAX_BOUND = 10_000_000

router = APIRouter(tags=["processes"])


@router.get("/apps/{app}/processes")
async def list_processes(
    rack: RackIn, app: AppName, service: str | None = None, release: str | None = None
) -> Response:
    """List the processes of an app, of one service or release if asked."""
    views = [
        view
        for view in await processes.list_measured(rack, app)
        if service in (None, "", view.service) and release in (None, "", view.release_id)
    ]
    views.sort(key=lambda view: (view.service, view.state.id))
    return answers.json_response([answers.process(view) for view in views])


@router.get("/apps/{app}/processes/{process}")
async def get_process(rack: RackIn, app: AppName, process: ProcessId) -> Response:
    """Return one process."""
    return answers.json_response(answers.process(await processes.get(rack, app, process)))


@router.delete("/apps/{app}/processes/{process}")
async def stop_process(rack: RackIn, made: MadeIn, app: AppName, process: ProcessId) -> Response:
    """Stop one process; its place is filled again, unless it runs once."""
    await processes.stop(rack, app, process, made)
    return answers.ok()


@router.post("/apps/{app}/services/{service}/processes")
async def run_process(rack: RackIn, made: MadeIn, app: AppName, service: ServiceName, request: Request) -> Response:
    """Start a process of a service once. What it is to be travels in headers."""
    view = await one_offs.launch(rack, app, request_of(service, request.headers), made)
    return answers.json_response(answers.process(view))


def request_of(service: str, headers: Headers) -> OneOffRequest:
    """Read what is to run once; raises InvalidInput that names the header, and Unsupported."""
    for name, nothing in REFUSED.items():
        if headers.get(name, nothing) not in ("", nothing):
            raise Unsupported(f"{name}: cannot be chosen for one process", hint="set it in convox.yml and deploy")
    return OneOffRequest(
        service,
        command=text_of(headers, "Command").strip() or None,
        release_id=text_of(headers, "Release") or None,
        environment=_environment(text_of(headers, "Environment")),
        cpu_millis=_bound(headers, "Cpu-Limit") or _bound(headers, "Cpu"),
        memory_mib=_bound(headers, "Memory-Limit") or _bound(headers, "Memory"),
    )


def _environment(text: str) -> Environment:
    pairs = dict(parse_qsl(text, keep_blank_values=True))
    if not all(is_environment_key(key) and "\0" not in value for key, value in pairs.items()):
        raise InvalidInput("Environment: a name or value that no process can have", hint="KEY=VALUE, urlencoded")
    return Environment(pairs)


def _bound(headers: Headers, name: str) -> int | None:
    text = headers.get(name) or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_BOUND):
        raise InvalidInput(f"{name}: not a number of a sensible size", hint="leave it out")
    return int(text) or None
