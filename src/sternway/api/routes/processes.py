"""Routes of processes."""

from fastapi import APIRouter
from starlette.responses import Response

from sternway.api import answers
from sternway.api.inputs import AppName, MadeIn, ProcessId, RackIn
from sternway.ops import processes

router = APIRouter(tags=["processes"])


@router.get("/apps/{app}/processes")
async def list_processes(
    rack: RackIn, app: AppName, service: str | None = None, release: str | None = None
) -> Response:
    """List the processes of an app, of one service or release if asked."""
    views = [
        view
        for view in await processes.list_running(rack, app)
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
    """Stop one process; its place is filled again."""
    await processes.stop(rack, app, process, made)
    return answers.ok()
