"""What the rack answers: domain objects as the wire's dataclasses, and those as bytes."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import PlainTextResponse, Response

from sternway.core.access import Principal, Token, User
from sternway.core.formation import Health
from sternway.core.promotion import Promotion
from sternway.core.registry import Login
from sternway.core.release import Build, BuildStatus, Release, ReleaseLine
from sternway.ops.apps import AppView
from sternway.ops.commands import RunView
from sternway.ops.examination import Check
from sternway.ops.processes import ProcessView, ServiceView
from sternway.ops.rack import RackSettings
from sternway.ops.system import SystemView
from sternway.ops.versions import VersionLine
from sternway.ports import Step
from sternway.wire import types as wire
from sternway.wire.json import to_json

PROCESS_STATUS: Mapping[Health, str] = {
    Health.STARTING: "starting",
    Health.HEALTHY: "running",
    Health.UNHEALTHY: "unhealthy",
    Health.FAILED: "crashed",
    Health.STOPPING: "stopping",
    Health.FROZEN: "standby",
}
STANDBY = PROCESS_STATUS[Health.FROZEN]


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a value, or wire objects, as JSON the way the contract lays it out."""
    text = json.dumps(to_json(value), indent=2, ensure_ascii=False) + "\n"
    content = text.encode("utf-8", "replace")
    return Response(content, status_code=status, headers=dict(headers or {}), media_type="application/json")


def ok() -> Response:
    """Answer what has nothing to say."""
    return PlainTextResponse("ok\n")


def app(view: AppView, settings: RackSettings) -> wire.App:
    """Return an app as the wire has it."""
    return wire.App(
        name=view.app.name,
        status=view.status,
        release=view.active_id or "",
        locked=view.app.settings.locked,
        router=settings.domain,
        parameters=view.parameters(),
    )


def build(item: Build, app_name: str) -> wire.Build:
    """Return a build as the wire has it.

    Older clients stop watching at any status but running, so one that has yet to start counts as running.
    """
    status = BuildStatus.RUNNING if item.status is BuildStatus.CREATED else item.status
    return wire.Build(
        id=item.id,
        app=app_name,
        status=status,
        description=item.description,
        git_sha=item.options.git_sha,
        manifest=item.manifest,
        release=item.release_id or "",
        reason=item.reason,
        started=item.started_at or item.made.at,
        ended=item.ended_at,
        author=item.made.by,
    )


def release(item: Release, app_name: str, *, gone: bool = False) -> wire.Release:
    """Return a release with its environment and manifest."""
    return wire.Release(
        id=item.id,
        app=app_name,
        build=item.build_id or "",
        env=item.environment.text(),
        manifest=item.manifest,
        description=item.description,
        created=item.made.at,
        author=item.made.by,
        reason=item.made.reason,
        copy_of=item.copy_of or "",
        rollback=item.is_rollback,
        gone=gone,
    )


def release_line(item: ReleaseLine, app_name: str, *, gone: bool = False) -> wire.Release:
    """Return a release as lists have it."""
    return wire.Release(
        id=item.id,
        app=app_name,
        build=item.build_id or "",
        description=item.description,
        created=item.made.at,
        author=item.made.by,
        reason=item.made.reason,
        copy_of=item.copy_of or "",
        rollback=item.is_rollback,
        gone=gone,
    )


def promotion(item: Promotion, app_name: str, steps: Sequence[Step] = ()) -> wire.Promotion:
    """Return a promotion; `ended` stays empty while it is open."""
    return wire.Promotion(
        id=item.id,
        app=app_name,
        release=item.release_id,
        status=item.status,
        cause=item.cause,
        author=item.made.by,
        reason=item.made.reason,
        replaces=item.replaces or "",
        created=item.made.at,
        ended=None if item.status.is_open else item.status_at,
        steps=[wire.Step(step.text, step.at) for step in steps],
    )


def command_run(view: RunView) -> wire.CommandRun:
    """Return a run of a release command; bytes that are no text are replaced."""
    run = view.run
    return wire.CommandRun(
        promotion=run.promotion_id,
        kind=run.command.kind,
        service=run.command.service,
        release=run.command.release_id,
        status=run.status,
        cause=run.cause,
        process=run.process_id,
        at=run.at,
        output=view.output.decode(errors="replace"),
    )


def process(view: ProcessView) -> wire.Process:
    """Return a process as the wire has it."""
    return wire.Process(
        id=view.state.id,
        app=view.app,
        name=view.service,
        status=_process_status(view),
        release=view.release_id,
        command=view.state.command,
        cpu=round(view.usage.cpu, 3) if view.usage else 0.0,
        memory=round(view.usage.memory_mib, 1) if view.usage else 0.0,
        started=view.state.started_at,
        service=view.service,
        one_off=view.is_one_off,
    )


def _process_status(view: ProcessView) -> str:
    if view.stands_by:
        return STANDBY
    if view.exit_code is not None:
        return "failed" if view.exit_code else "complete"
    return PROCESS_STATUS[view.state.health]


def service(view: ServiceView, settings: RackSettings) -> wire.Service:
    """Return a service of the active release; its first host is the one to show."""
    formation = view.target.formation
    ports = [wire.ServicePort(balancer=settings.router_port, container=formation.port)] if formation.port else []
    return wire.Service(
        name=view.name,
        domain=view.target.hosts[0] if view.target.hosts else "",
        count=view.target.count,
        cpu=formation.limits.cpu_millis or 0,
        memory=formation.limits.memory_mib or 0,
        ports=ports,
    )


def system(view: SystemView) -> wire.System:
    """Return the rack as the wire has it."""
    settings = view.settings
    return wire.System(
        name=settings.name,
        status=view.status,
        version=settings.version,
        provider=settings.provider,
        region=settings.region,
        domain=settings.domain,
        rack_domain=settings.rack_domain,
        type=view.type,
        count=view.count,
        parameters=dict(view.parameters),
        problems=list(view.problems),
    )


def registry(login: Login) -> wire.Registry:
    """Return a login without its password, which never leaves the rack."""
    return wire.Registry(server=login.server, username=login.username)


def principal(found: Principal) -> wire.Who:
    """Return who calls."""
    return wire.Who(found.name, str(found.role), _apps(found.apps), found.expires_at)


def user(item: User, now: datetime, invitation: str = "") -> wire.User:
    """Return a user as the wire has them, without any hash; the invitation only when it was made just now."""
    is_invited = bool(item.invitation) and item.invited_until is not None and now < item.invited_until
    return wire.User(
        name=item.name,
        role=str(item.grant.role),
        apps=_apps(item.grant.apps),
        status="invited" if is_invited else "active" if item.password else "expired",
        changed=item.made.at,
        author=item.made.by,
        invitation=invitation,
    )


def token(item: Token, now: datetime, text: str = "") -> wire.Token:
    """Return a deploy token as the wire has it; its text only when it was made just now."""
    return wire.Token(
        id=item.id,
        name=item.name,
        role=str(item.grant.role),
        apps=_apps(item.grant.apps),
        status="expired" if item.has_expired(now) else "active",
        expires=item.expires_at,
        created=item.made.at,
        author=item.made.by,
        token=text,
    )


def _apps(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def version_line(line: VersionLine) -> wire.Version:
    """Return a time that a version of the rack became active, or was tried."""
    return wire.Version(
        id=line.version,
        created=line.at,
        author=line.by,
        reason=line.reason,
        status=line.status,
        cause=line.cause,
        move=line.move,
    )


def check(item: Check) -> wire.Check:
    """Return one thing that was looked at before a move."""
    hint = item.problem.hint if item.problem else ""
    return wire.Check(name=item.name, found=item.found, ok=item.problem is None, hint=hint)
