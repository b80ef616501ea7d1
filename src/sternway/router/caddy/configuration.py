"""The configurations of Caddy as JSON values. Pure functions; all paths are relative to its directory.

How a request goes: front -> the live back -> `map` from host to the app and its slots -> *first* proxy, which passes
over members that refuse connections within milliseconds -> if none can be reached, *hold* until one can be,
for as long as a singleton takes to be replaced -> 503.

Only what was never sent is tried again: an error of dialling. Once a connection stood, the app may have
acted on the request, so that it is never replayed, GET or not; the client gets 502.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sternway.router.caddy import slots

Json = dict[str, Any]

FRONT = "front"
BACKS = ("back-a", "back-b")
LIVE_FILE = "live"
"""Where the front reads, for each request, which back to dial."""

LIVE_BACK = f"{{file.{LIVE_FILE}}}"
NEVER: Json = {"not": [{}]}
"""A matcher of nothing; as `retry_match` it forbids to repeat what may have reached an app."""

UNSENT: Json = {"vars_regexp": {"{http.error.message}": {"pattern": "^dial "}}}
CLOSED: Json = {"vars_regexp": {"{http.error.message}": {"pattern": f"^dial unix {slots.CLOSED_SOCKET}:"}}}
FIRST_RETRIES = 12
FIRST_INTERVAL_MS = 5
HOLD_INTERVAL_MS = 50
BACK_WAIT_S = 10.0
BACK_INTERVAL_MS = 20
"""How long the front waits for a back that is started again, and how often it looks."""

IDLE_CONNECTIONS = 512
UPSTREAM_IDLE_MS = 1000
"""How long an unused connection to an app is kept. Shorter than the keep-alive of any common server
(2 s and up), so that the app is never the first to close it: a POST on a connection that closes at that
moment would be lost. It also bounds what a thawed process finds stale."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be tuned. `hold_s`: how long a request waits for a member that can be reached.

    `stream_grace_s`: how long WebSockets outlive a load; loads happen when hosts come or go.
    """

    hold_s: float = 10.0
    stream_grace_s: float = 3600.0
    log_size_mb: int = 20
    log_files: int = 5


def front(listen: str, options: Options) -> Json:
    """Return the configuration that never changes while the listening address stays."""
    proxy = _proxy([LIVE_BACK], _patient(BACK_WAIT_S, BACK_INTERVAL_MS), idle_ms=0)
    routes = [
        {"match": [{"header_regexp": {"Host": {"pattern": "[A-Z]"}}}], "handle": [_lower_case_host()]},
        {"handle": [proxy]},
    ]
    server = {
        "listen": [listen],
        "protocols": ["h1", "h2c"],
        "automatic_https": {"disable": True},
        "routes": routes,
        "errors": {"routes": [_answer("{http.error.status_code}", "the router does not answer; try again\n")]},
    }
    return _whole(FRONT, server, options)


def back(name: str, hosts: Iterable[tuple[str, str]], options: Options) -> Json:
    """Return the configuration of one of the backs for these (app, host) pairs, which are lower-case."""
    server = {
        "listen": [f"{dial(name)}|0600"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "trusted_proxies_unix": True,
        "logs": {},
        "routes": [{"handle": [*_log_fields(), _map(hosts), _serve(options)]}],
    }
    return _whole(name, server, options)


def _whole(name: str, server: Json, options: Options) -> Json:
    return {
        "admin": {"listen": f"unix/{admin_socket(name)}|0600", "config": {"persist": False}},
        "logging": _logging(name, options),
        "apps": {"http": {"servers": {name: server}}},
    }


def admin_socket(name: str) -> str:
    """Return the path of the admin API's socket."""
    return f"run/{name}-admin.sock"


def sockets(name: str) -> tuple[str, ...]:
    """Return the paths of the sockets that this Caddy makes."""
    return (admin_socket(name), f"run/{name}.sock")


def dial(name: str) -> str:
    """Return the address at which a back is reached."""
    return f"unix/run/{name}.sock"


def text(value: Json) -> str:
    """Return the JSON text, as it goes into a file."""
    return json.dumps(value, indent=1)


def _map(hosts: Iterable[tuple[str, str]]) -> Json:
    return {
        "handler": "map",
        "source": "{http.request.host}",
        "destinations": ["{sternway.app}", *_slot_placeholders()],
        "mappings": [{"input": host, "outputs": [app, *_slot_files(app, host)]} for app, host in hosts],
        "defaults": [""] * (1 + slots.COUNT),
    }


def _slot_placeholders() -> list[str]:
    return [f"{{sternway.slot.{number}}}" for number in range(slots.COUNT)]


def _slot_files(app: str, host: str) -> list[str]:
    return [f"{{file.{slots.path(app, host, number)}}}" for number in range(slots.COUNT)]


def _serve(options: Options) -> Json:
    unknown = {"match": [{"vars": {"{sternway.app}": [""]}}], **_answer("404", "no such app here\n")}
    first = {
        "retries": FIRST_RETRIES,
        "try_interval": f"{FIRST_INTERVAL_MS}ms",
        "retry_match": [NEVER],
        "selection_policy": {"policy": "round_robin"},
    }
    errors = [{"match": [CLOSED], **_no_member()}, {"match": [UNSENT], "handle": [_hold(options)], "terminal": True}]
    return _subroute([unknown, {"handle": [_proxy_to_slots(first, options)]}], [*errors, _failed()])


def _hold(options: Options) -> Json:
    """Keep trying; when a load takes this configuration away meanwhile, hand the request to the live back.

    Caddy ends the waits of a configuration that it unloads. Nothing was read of the request by then.
    """
    unloaded = {"expression": f"double({{http.reverse_proxy.duration_ms}}) < {options.hold_s * 1000:.1f}", **UNSENT}
    onward = _proxy([LIVE_BACK], {"retry_match": [NEVER]}, idle_ms=0)
    hold = _patient(options.hold_s, HOLD_INTERVAL_MS) | {"selection_policy": {"policy": "round_robin"}}
    errors = [
        {"match": [CLOSED], **_no_member()},
        {"match": [unloaded], "handle": [onward], "terminal": True},
        {"match": [UNSENT], **_no_member()},
        _failed(),
    ]
    return _subroute([{"handle": [_proxy_to_slots(hold, options)]}], errors)


def _patient(duration_s: float, interval_ms: int) -> Json:
    return {"try_duration": f"{duration_s * 1000:.0f}ms", "try_interval": f"{interval_ms}ms", "retry_match": [NEVER]}


def _proxy_to_slots(balancing: Json, options: Options) -> Json:
    proxy = _proxy(_slot_placeholders(), balancing, idle_ms=UPSTREAM_IDLE_MS)
    return proxy | {"stream_close_delay": f"{options.stream_grace_s * 1000:.0f}ms"}


def _proxy(upstreams: Iterable[str], balancing: Json, *, idle_ms: int) -> Json:
    kept = {"enabled": idle_ms > 0, "idle_timeout": f"{idle_ms}ms", "max_idle_conns_per_host": IDLE_CONNECTIONS}
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream} for upstream in upstreams],
        "load_balancing": balancing,
        "flush_interval": -1,
        "transport": {"protocol": "http", "compression": False, "dial_timeout": "1s", "keep_alive": kept},
    }


def _lower_case_host() -> Json:
    """Bring the host into the form of the map; Caddy has no function for that, so letter by letter."""
    letters = [{"search": chr(code), "replace": chr(code + 32)} for code in range(ord("A"), ord("Z") + 1)]
    return {"handler": "headers", "request": {"replace": {"Host": letters}}}


def _subroute(routes: list[Json], errors: list[Json]) -> Json:
    return {"handler": "subroute", "routes": routes, "errors": {"routes": errors}}


def _no_member() -> Json:
    return _answer("503", "no process of {sternway.app} can be reached\n")


def _failed() -> Json:
    return _answer("{http.error.status_code}", "{sternway.app} gave no answer\n")


def _answer(status: str, body: str) -> Json:
    headers = {"Content-Type": ["text/plain; charset=utf-8"]}
    response = {"handler": "static_response", "status_code": status, "headers": headers, "body": body}
    return {"handle": [response], "terminal": True}


def _log_fields() -> list[Json]:
    fields = {"app": "{sternway.app}", "upstream": "{http.reverse_proxy.upstream.hostport}"}
    return [{"handler": "log_append", "key": key, "value": value} for key, value in fields.items()]


def _logging(name: str, options: Options) -> Json:
    access = _log(f"log/access-{name.removeprefix('back-')}.log", options) | {"include": ["http.log.access"]}
    own = _log(f"log/{name}.log", options) | {"exclude": ["http.log.access", "admin"], "level": "WARN"}
    return {"logs": {"default": own} | ({"access": access} if name in BACKS else {})}


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
