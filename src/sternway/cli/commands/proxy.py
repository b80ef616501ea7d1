"""`proxy`: ports of this machine that lead to hosts as the apps see them."""

import re
import threading

import click

from sternway.cli import errors, forward, options, output
from sternway.cli.command import command
from sternway.cli.forward import Destination
from sternway.cli.options import Target

PORT_MAX = 65535

_FORWARD = re.compile(r"(?:([0-9]{1,5}):)?(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]+):([0-9]{1,5})")


@command()
@click.argument("forwards", metavar="[PORT:]HOST:HOSTPORT...", nargs=-1, required=True)
@click.option("-t", "--tls", is_flag=True, hidden=True, expose_value=False)
@options.on_rack
def proxy(target: Target, forwards: tuple[str, ...]) -> None:
    """Have ports of this machine lead to hosts as the apps see them, until you stop it.

    A host is SERVICE.APP, or any name or address that the rack can reach. Only this machine can use the ports;
    without PORT it is the one of the host.
    """
    wanted = [_forward(text) for text in forwards]
    listeners = [(forward.listen(port), to) for port, to in wanted]
    for listener, to in listeners:
        host, port = listener.getsockname()
        output.show(f"{host}:{port} leads to {to.host}:{to.port}\n")
        threading.Thread(target=forward.serve, args=(listener, target.rack, to), daemon=True).start()
    threading.Event().wait()


def _forward(text: str) -> tuple[int, Destination]:
    found = _FORWARD.fullmatch(text)
    if found is None:
        raise errors.usage(f"not a port and a host: {text}", hint="sternway proxy 5432:db.shop:5432")
    port, host, host_port = found.groups()
    ports = int(port or host_port), int(host_port)
    if not (0 <= ports[0] <= PORT_MAX and 0 < ports[1] <= PORT_MAX):
        raise errors.usage(f"no such port: {text}", hint=f"ports end at {PORT_MAX}")
    return ports[0], Destination(host.strip("[]"), ports[1])
