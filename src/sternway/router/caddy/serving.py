"""What a back does with a request, as JSON values: whose it is, who may ask, which process gets it. Pure.

`map` leads from the host to the app, its slots and the name of its options -> 404 for an unknown host -> the
route for these options -> 403 for clients that may not ask -> *sticky* tries the slot that the client has a
cookie of; *first* passes over members that refuse connections; if none can be reached, *hold* waits until one
can be, for as long as a singleton takes to be replaced; then 503.

Each distinct set of options has its route once, however many services share it.
"""

import re
from collections.abc import Iterable

from sternway.core.formation import RouteOptions
from sternway.router import table
from sternway.router.caddy import proxies, slots
from sternway.router.caddy.proxies import Json

APP, TREATMENT = ("{http.vars.app}", "{http.vars.treatment}")
UNSENT: Json = {"vars_regexp": {"{http.error.message}": {"pattern": "^dial "}}}
CLOSED: Json = {"vars_regexp": {"{http.error.message}": {"pattern": f"^dial unix {slots.CLOSED_SOCKET}:"}}}
WITHOUT_COOKIE: Json = {"search_regexp": f"(^|; *){proxies.COOKIE}=[^;]*", "replace": ""}


def handlers(hosts: table.Hosts, *, hold_s: float, stream_grace_s: float) -> list[Json]:
    """Return the handlers that answer any request."""
    known = [hosts[name] for name in sorted(hosts)]
    options = sorted({host.options for host in known} | {RouteOptions()}, key=_treatment)
    routes = [_unknown(), *(_treated(choice, hold_s, stream_grace_s) for choice in options)]
    found = {"app": "{sternway.app}", "treatment": "{sternway.treatment}"}
    # The map is searched anew each time that it is asked.
    looked_up = {"handler": "vars", **found}
    return [*_log_fields(), *_host_vars(hosts), _map(known), looked_up, {"handler": "subroute", "routes": routes}]


def answer(status: str, body: str) -> Json:
    """Return a route that answers with this text."""
    headers = {"Content-Type": ["text/plain; charset=utf-8"]}
    response = {"handler": "static_response", "status_code": status, "headers": headers, "body": body}
    return {"handle": [response], "terminal": True}


def _log_fields() -> list[Json]:
    fields = {"app": APP, "upstream": "{http.reverse_proxy.upstream.hostport}"}
    return [{"handler": "log_append", "key": key, "value": value} for key, value in fields.items()]


def _host_vars(hosts: table.Hosts) -> list[Json]:
    """Set the host to look up: the one asked for, or the `*.` that it is below."""
    wildcards = sorted((name for name in hosts if name.startswith(table.WILDCARD)), key=len, reverse=True)
    if not wildcards:
        return [{"handler": "vars", "host": "{http.request.host}"}]
    below = tuple(name.removeprefix("*") for name in wildcards)
    exact = [{"input": name, "outputs": [name]} for name in sorted(hosts) if name.endswith(below)]
    found = [{"input_regexp": f"^.+{re.escape(name[1:])}$", "outputs": [name]} for name in wildcards]
    nearest = {
        "handler": "map",
        "source": "{http.request.host}",
        "destinations": ["{sternway.host}"],
        "mappings": [*exact, *found],
        "defaults": ["{http.request.host}"],
    }
    return [nearest, {"handler": "vars", "host": "{sternway.host}"}]


def _map(known: Iterable[table.Host]) -> Json:
    return {
        "handler": "map",
        "source": "{http.vars.host}",
        "destinations": ["{sternway.app}", "{sternway.treatment}", *_slots()],
        "mappings": [{"input": host.name, "outputs": _outputs(host)} for host in known],
        "defaults": [""] * (2 + slots.COUNT),
    }


def _outputs(host: table.Host) -> list[str]:
    files = [f"{{file.{slots.path(host.app, host.name, number)}}}" for number in range(slots.COUNT)]
    return [host.app, _treatment(host.options), *files]


def _slots() -> list[str]:
    return [f"{{sternway.slot.{number}}}" for number in range(slots.COUNT)]


def _treatment(options: RouteOptions) -> str:
    """Name the options."""
    sticky = ("sticky",) if options.is_sticky else ()
    return " ".join((f"{options.timeout_s}s", *sticky, *options.clients))


def _unknown() -> Json:
    return {"match": [{"vars": {APP: [""]}}], **answer("404", "no such app here\n")}


def _refusals(networks: tuple[str, ...]) -> list[Json]:
    """Return what stands before the proxies: nothing if everybody may ask."""
    others = {"not": [{"client_ip": {"ranges": list(networks)}}]}
    refusal = {"match": [others], **answer("403", f"this address may not ask {APP}\n")}
    return [{"handler": "subroute", "routes": [refusal]}] if networks else []


def _treated(options: RouteOptions, hold_s: float, stream_grace_s: float) -> Json:
    """Return the route for requests with these options."""
    transport = proxies.Transport(proxies.UPSTREAM_IDLE_MS, options.timeout_s)
    grace = {"stream_close_delay": f"{stream_grace_s * 1000:.0f}ms"}
    policy = proxies.BY_COOKIE if options.is_sticky else proxies.ROUND_ROBIN
    hold = _hold(proxies.patiently(_slots(), policy, transport, hold_s) | grace, hold_s)
    served = _or_if_unsent(proxies.quickly(_slots(), policy, transport) | grace, hold)
    if options.is_sticky:
        forget = {"handler": "headers", "request": {"replace": {"Cookie": [WITHOUT_COOKIE]}}}
        served = _or_if_unsent(proxies.once(_slots(), policy, transport) | grace, forget, served)
    handle = [*_refusals(options.clients), served]
    return {"match": [{"vars": {TREATMENT: [_treatment(options)]}}], "handle": handle, "terminal": True}


def _or_if_unsent(proxy: Json, *otherwise: Json) -> Json:
    errors = [
        {"match": [CLOSED], **_no_member()},
        {"match": [UNSENT], "handle": list(otherwise), "terminal": True},
        _failed(),
    ]
    return _subroute([{"handle": [proxy]}], errors)


def _hold(proxy: Json, hold_s: float) -> Json:
    """Keep trying; when a load takes this configuration away meanwhile, hand the request to the live back.

    Caddy ends the waits of a configuration that it unloads. Nothing was read of the request by then.
    """
    is_early = f"double({{http.reverse_proxy.duration_ms}}) < {hold_s * 1000:.1f}"
    unloaded = {"expression": is_early, **UNSENT}
    onward = proxies.to_live_back(is_patient=False, is_kept=False)
    errors = [
        {"match": [CLOSED], **_no_member()},
        {"match": [unloaded], "handle": [onward], "terminal": True},
        {"match": [UNSENT], **_no_member()},
        _failed(),
    ]
    return _subroute([{"handle": [proxy]}], errors)


def _subroute(routes: list[Json], errors: list[Json]) -> Json:
    """An error that no route of `errors` takes would be answered with 200: the last one takes all."""
    return {"handler": "subroute", "routes": routes, "errors": {"routes": errors}}


def _no_member() -> Json:
    return answer("503", f"no process of {APP} can be reached\n")


def _failed() -> Json:
    return answer("{http.error.status_code}", f"{APP} gave no answer\n")
