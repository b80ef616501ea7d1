"""The configurations of Caddy as JSON values. Pure functions; all paths are relative to its directory.

How a request goes: front -> the live back -> what `serving` says -> a process.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from sternway.router import table
from sternway.router.caddy import names, process, proxies, serving
from sternway.router.caddy.proxies import Json

ROUTER_SOCKET, API_SOCKET = "ROUTER_SOCKET", "API_SOCKET"
"""Variables that tell a front the numbers of the sockets that it is started with."""
BACK_KEEPS_IDLE_S = 300
"""How long a back keeps an unused connection: longer than the front, so that it is never the first to close it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be tuned. `hold_s`: how long a request waits for a member that can be reached.

    `stream_grace_s`: how long WebSockets outlive a load; loads happen when hosts or their options change.
    `rest_s`: how long a back rests before it is loaded; so long a request may be on its way to it.
    `client_idle_s`: how long the front keeps a connection that its client does not use.
    `binary`: the Caddy to run; None is the one that is installed with this package.
    """

    hold_s: float = 10.0
    stream_grace_s: float = 3600.0
    rest_s: float = 0.5
    client_idle_s: float = 300.0
    log_size_mb: int = 20
    log_files: int = 5
    binary: str | None = None

    def program(self) -> str:
        """Return the Caddy to run. Raises RouterUnavailable when there is none."""
        return self.binary or process.installed()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a back listens: at another address with each load, counted by `turn`."""

    back: str
    turn: int

    @property
    def dialled(self) -> str:
        """Return the address as Caddy has it."""
        return f"unix/run/{self.back}.{self.turn}.sock"

    @classmethod
    def parse(cls, dialled: str) -> "Address":
        """Read it again; raises ValueError for anything else."""
        found = re.fullmatch(rf"unix/run/({names.PATTERN})\.([0-9]+)\.sock", dialled)
        if found is None or names.role(found[1]) not in names.BACKS:
            raise ValueError(f"not the address of a back: {dialled!r}")
        return cls(found[1], int(found[2]))


@dataclass(frozen=True, slots=True)
class Api:
    """Where the rack's own API is asked for (`HOST:PORT`), and the socket that the rack answers it on.

    The front holds the clients, so that a version of the rack can take over from another one without their
    noticing. The socket's path is relative to the router's directory.
    """

    listen: str
    socket: str


def front(listen: str, options: Options, api: Api | None = None, *, name: str = names.FRONT) -> Json:
    """Return the configuration of a front: it never changes; what needs another one takes another front."""
    routes = [
        {"match": [{"header_regexp": {"Host": {"pattern": "[A-Z]"}}}], "handle": [_lower_case_host()]},
        {"handle": [proxies.to_live_back(is_patient=True, is_kept=True)]},
    ]
    servers = {f"front {listen}": _facing(name, ROUTER_SOCKET, options, routes, "the router does not answer")}
    if api:
        routes = [{"handle": [proxies.to_rack(api.socket)]}]
        unanswered = "the rack does not answer; see whether it runs, and try again"
        servers[f"api {api.listen}"] = _facing(name, API_SOCKET, options, routes, unanswered)
    return _whole(name, servers, options)


def addresses(front: Json) -> Collection[str]:
    """Return where a front listens, from its configuration, whatever version wrote it."""
    servers = front["apps"]["http"]["servers"]
    return [key.partition(" ")[2] or server["listen"][0] for key, server in servers.items()]


def _facing(name: str, socket: str, options: Options, routes: list[Json], unanswered: str) -> Json:
    """Return a server that clients see. It gets its socket opened: one of them shares its address with others."""
    return {
        "listen": [f"fd/{{env.{socket}}}"],
        "protocols": ["h1", "h2c"],
        "idle_timeout": f"{options.client_idle_s * 1000:.0f}ms",
        "automatic_https": {"disable": True},
        "routes": [_farewell(name), *routes],
        "errors": {"routes": [serving.answer("{http.error.status_code}", f"{unanswered}\n")]},
    }


def _farewell(name: str) -> Json:
    """Have clients connect anew, each after an answer, once this front is to go; HTTP/2 is told so by the same header.

    A WebSocket says something else in that header, and has the connection for itself anyway.
    """
    is_leaving = {"file": {"root": ".", "try_files": [leaving_file(name)]}}
    matched = is_leaving | {"not": [{"header": {"Upgrade": ["*"]}}]}
    return {"match": [matched], "handle": [{"handler": "headers", "response": {"set": {"Connection": ["close"]}}}]}


def back(address: Address, hosts: table.Hosts, options: Options) -> Json:
    """Return the configuration of one of the backs for these hosts."""
    handlers = serving.handlers(hosts, hold_s=options.hold_s, stream_grace_s=options.stream_grace_s)
    server = {
        "listen": [f"{address.dialled}|0600"],
        "protocols": ["h1"],
        "idle_timeout": f"{BACK_KEEPS_IDLE_S}s",
        "automatic_https": {"disable": True},
        "trusted_proxies_unix": True,
        "logs": {},
        "routes": [{"handle": handlers}],
    }
    return _whole(address.back, {address.back: server}, options)


def _whole(name: str, servers: Json, options: Options) -> Json:
    return {
        "admin": {"listen": f"unix/{admin_socket(name)}|0600", "config": {"persist": False}},
        "logging": _logging(name, options),
        "apps": {"http": {"servers": servers}},
    }


def admin_socket(name: str) -> str:
    """Return the path of the admin API's socket."""
    return f"run/{name}-admin.sock"


def leaving_file(name: str) -> str:
    """Return the path of the file that is there once this Caddy is to go, as soon as it carries nothing."""
    return f"run/{name}.leaving"


def sockets(name: str) -> tuple[str, ...]:
    """Return patterns of the paths of the sockets that this Caddy makes."""
    return (admin_socket(name), f"run/{name}.*.sock")


def text(value: Json) -> str:
    """Return the JSON text, as it goes into a file."""
    return json.dumps(value, indent=1)


def _lower_case_host() -> Json:
    """Bring the host into the form of the map; Caddy has no function for that, so letter by letter."""
    letters = [{"search": chr(code), "replace": chr(code + 32)} for code in range(ord("A"), ord("Z") + 1)]
    return {"handler": "headers", "request": {"replace": {"Host": letters}}}


def _logging(name: str, options: Options) -> Json:
    """Return the logs; generations share theirs, since no two of them work side by side for long."""
    role = names.role(name)
    own = _log(f"log/{role}.log", options) | {"exclude": ["http.log.access", "admin"], "level": "WARN"}
    if role not in names.BACKS:
        return {"logs": {"default": own}}
    return {
        "logs": {"default": own, "access": _log(names.access_log(name), options) | {"include": ["http.log.access"]}}
    }


def _log(filename: str, options: Options) -> Json:
    """Return a log without headers and queries, either of which may carry credentials."""
    writer = {
        "output": "file",
        "filename": filename,
        "mode": "0600",
        "roll_size_mb": options.log_size_mb,
        "roll_keep": options.log_files,
        "roll_gzip": False,
    }
    fields = {
        "request>headers": {"filter": "delete"},
        "resp_headers": {"filter": "delete"},
        "request>uri": {"filter": "regexp", "regexp": "\\?.*", "value": ""},
    }
    return {"writer": writer, "encoder": {"format": "filter", "wrap": {"format": "json"}, "fields": fields}}
