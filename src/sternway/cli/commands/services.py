"""`services`, `scale` and `restart`: the services of the active release."""

from collections.abc import Collection
from datetime import datetime

import click

from sternway.cli import client, errors, follow, options, output
from sternway.cli.command import Group, command
from sternway.cli.options import Target
from sternway.wire import routes, types

Run = tuple[str, datetime | None]
"""A process from one start to its end: a process that is started again keeps its id."""

SETTLE_S = 600.0
STANDBY = "standby"


def _waiting(function: options.Function) -> options.Function:
    text = "Wait until all processes run as they should."
    return click.option("-w", "--wait", is_flag=True, help=text)(function)


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_app
@click.pass_context
def services(ctx: click.Context, target: Target, as_json: bool) -> None:
    """List services with their hosts and ports, or act on one."""
    if ctx.invoked_subcommand:
        return
    listed = _fetched(target)
    if as_json:
        return output.show_json(listed)
    rows = [(s.name, s.domain, " ".join(f"{p.balancer}:{p.container}" for p in s.ports)) for s in listed]
    output.show_table(("SERVICE", "DOMAIN", "PORTS"), rows)


@services.command("restart")
@click.argument("service")
@_waiting
@options.with_reason
@options.on_app
def restart_one(target: Target, service: str, reason: str | None, wait: bool) -> None:
    """Restart the processes of one service."""
    _restart(target, service, reason, wait=wait)


@command()
@_waiting
@options.with_reason
@options.on_app
def restart(target: Target, reason: str | None, wait: bool) -> None:
    """Restart every service."""
    for service in _fetched(target):
        _restart(target, service.name, reason, wait=wait)


@command()
@click.argument("service", required=False)
@click.option("--count", type=click.IntRange(min=0), help="How many processes.")
@click.option("--cpu", type=click.IntRange(min=1), help="Thousandths of a core for each.")
@click.option("--memory", type=click.IntRange(min=1), help="MiB for each.")
@_waiting
@options.with_reason
@options.as_json
@options.on_app
def scale(
    target: Target, *, service: str | None, as_json: bool, reason: str | None, wait: bool, **bounds: int | None
) -> None:
    """Show how many processes each service has, or set it for one."""
    if all(bound is None for bound in bounds.values()):
        return _show_scale(target, service, as_json=as_json)
    if service is None:
        raise errors.usage("no service is named", hint="sternway scale SERVICE --count N")
    with output.progress(aside=False) as progress:
        progress.begin(f"Scaling {service}")
        target.rack.send("PUT", _path(target, service), {**bounds, "reason": reason})
        _settle(target, service, wait=wait)
        progress.done()


def _show_scale(target: Target, service: str | None, *, as_json: bool) -> None:
    listed = [found for found in _fetched(target) if service in (None, found.name)]
    if service and not listed:
        raise errors.not_found(f"service not found: {service}", hint="see those there are: sternway services")
    if as_json:
        return output.show_json(listed)
    processes = target.rack.fetch_all(types.Process, routes.processes(target.app))
    running = [p.name for p in processes if p.status == "running" and not p.one_off]
    rows = [(s.name, str(s.count), str(running.count(s.name)), str(s.cpu), str(s.memory)) for s in listed]
    output.show_table(("SERVICE", "DESIRED", "RUNNING", "CPU", "MEMORY"), rows)


def _restart(target: Target, service: str, reason: str | None, *, wait: bool) -> None:
    with output.progress(aside=False) as progress:
        progress.begin(f"Restarting {service}")
        old = {_run(process) for process in _processes(target, service)} if wait else ()
        target.rack.send("POST", f"{_path(target, service)}/restart", {"reason": reason})
        _settle(target, service, wait=wait, old=old)
        progress.done()


def _settle(target: Target, service: str, *, wait: bool, old: Collection[Run] = ()) -> None:
    if wait:
        follow.until(lambda: _is_settled(target, service, old), SETTLE_S)


def _is_settled(target: Target, service: str, old: Collection[Run]) -> bool:
    """Tell whether as many processes run as there should be, and none that ran before."""
    processes = _processes(target, service)
    wanted = next((found.count for found in _fetched(target) if found.name == service), 0)
    is_new = all(_run(process) not in old for process in processes)
    return is_new and len(processes) == wanted == sum(process.status == "running" for process in processes)


def _processes(target: Target, service: str) -> list[types.Process]:
    """Return those that count: what stands by is none of the service's own, and neither is what runs once."""
    listed = target.rack.fetch_all(types.Process, routes.processes(target.app), {"service": service})
    return [p for p in listed if p.name == service and not p.one_off and p.status != STANDBY]


def _run(process: types.Process) -> Run:
    return process.id, process.started


def _fetched(target: Target) -> list[types.Service]:
    return target.rack.fetch_all(types.Service, routes.services(target.app))


def _path(target: Target, service: str) -> str:
    return f"{routes.services(target.app)}/{client.segment(service)}"
