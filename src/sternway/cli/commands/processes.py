"""`ps`: the processes of an app."""

import click

from sternway.cli import options, output
from sternway.cli.command import Group
from sternway.cli.options import Target
from sternway.wire import routes, types

HEADER = ("ID", "SERVICE", "STATUS", "RELEASE", "STARTED", "CPU", "MEM", "COMMAND")
MEASURED = ("CPU", "MEM")
"""Shown where the rack knows them: cores, and MiB."""


@click.group(cls=Group, invoke_without_command=True)
@click.option("--release", help="Only those of this release.")
@click.option("-s", "--service", help="Only those of this service.")
@options.as_json
@options.on_app
@click.pass_context
def ps(ctx: click.Context, target: Target, *, release: str | None, service: str | None, as_json: bool) -> None:
    """List processes, or act on one."""
    if ctx.invoked_subcommand:
        return
    query = {"release": release, "service": service}
    show(target.rack.fetch_all(types.Process, routes.processes(target.app), query), as_json=as_json)


@ps.command()
@click.argument("process_id", metavar="PROCESS", shell_complete=options.processes)
@options.as_json
@options.on_app
def info(target: Target, process_id: str, as_json: bool) -> None:
    """Show a process."""
    found = target.rack.fetch(types.Process, routes.process(target.app, process_id))
    if as_json:
        return output.show_json(found)
    pairs = [("Id", found.id), ("App", found.app), ("Command", found.command), ("Instance", found.instance)]
    pairs += [("Release", found.release), ("Service", found.name), ("Started", output.ago(found.started, output.now()))]
    cpu, memory = _used(found)
    pairs += [("Status", found.status), ("Cpu", cpu), ("Memory", memory and f"{memory} MiB")]
    output.show(output.members(pairs))


@ps.command()
@click.argument("process_id", metavar="PROCESS", shell_complete=options.processes)
@options.with_reason
@options.on_app
def stop(target: Target, process_id: str, reason: str | None) -> None:
    """Stop a process; another takes its place, unless it runs once."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Stopping {process_id}")
        target.rack.send("DELETE", routes.process(target.app, process_id), {"reason": reason} if reason else None)
        progress.done()


def show(listed: list[types.Process], *, as_json: bool) -> None:
    """Write a list of processes."""
    if as_json:
        return output.show_json(listed)
    now = output.now()
    rows = [(p.id, p.name, p.status, p.release, output.ago(p.started, now), *_used(p), p.command) for p in listed]
    output.show_table(HEADER, rows, optional=MEASURED)


def _used(process: types.Process) -> tuple[str, str]:
    """Say what it uses; nothing of one that has not been measured, which memory tells."""
    if not process.memory:
        return "", ""
    return f"{process.cpu:.2f}", f"{process.memory:.0f}" if process.memory >= 1 else "<1"
