"""Caddy's reverse proxies as JSON values: whom they dial, what they try again, how long they wait. Pure.

Only what was never sent is tried again: an error of dialling. Once a connection stood, the app may have
acted on the request, so that no proxy repeats it; the client gets 502. (Go's HTTP client below does repeat a
GET, HEAD or OPTIONS whose connection, used before, ends without a byte of an answer: nothing can forbid it.)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

LIVE_FILE = "live"
"""Where it stands, for each request, which back to dial."""
LIVE_BACK = f"{{file.{LIVE_FILE}}}"

NEVER: Json = {"not": [{}]}
"""A matcher of nothing; as `retry_match` it forbids to repeat what may have reached an app."""

ROUND_ROBIN: Json = {"policy": "round_robin"}
COOKIE = "sternway"
"""The cookie of sticky services: it names a slot."""
BY_COOKIE: Json = {"policy": "cookie", "name": COOKIE, "fallback": ROUND_ROBIN}

FIRST_RETRIES = 12
FIRST_INTERVAL_MS = 5
HOLD_INTERVAL_MS = 50
RACK_WAIT_S = 90.0
RACK_INTERVAL_MS = 10
BACK_WAIT_S = 10.0
BACK_INTERVAL_MS = 20
"""How long the front waits for a back that is started again, and how often it looks."""

IDLE_CONNECTIONS = 512
UPSTREAM_IDLE_MS = 1000
"""How long an unused connection to an app is kept. Shorter than the keep-alive of any common server
(2 s and up), so that the app is never the first to close it: a POST on a connection that closes at that
moment would be lost. It also bounds what a thawed process finds stale."""
BACK_IDLE_MS = 30_000
"""How long an unused connection to a back is kept; a back keeps it longer. See `backs` for why none is lost."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How to speak to what was dialled: how long unused connections are kept, how long an answer may take to begin."""

    idle_ms: int = 0
    timeout_s: int | None = None

    def json(self) -> Json:
        """Return it as Caddy has it."""
        kept = {
            "enabled": self.idle_ms > 0,
            "idle_timeout": f"{self.idle_ms}ms",
            "max_idle_conns_per_host": IDLE_CONNECTIONS,
        }
        timeout = {"response_header_timeout": f"{self.timeout_s}s"} if self.timeout_s else {}
        return {"protocol": "http", "compression": False, "dial_timeout": "1s", "keep_alive": kept, **timeout}


def to_live_back(*, is_patient: bool, is_kept: bool) -> Json:
    """Pass a request on to the live back."""
    balancing = _patient(BACK_WAIT_S, BACK_INTERVAL_MS) if is_patient else {"retry_match": [NEVER]}
    return _proxy([LIVE_BACK], balancing, Transport(BACK_IDLE_MS if is_kept else 0))


def to_rack(socket: str) -> Json:
    """Pass a request on to the rack's API; while another version of the rack takes over, hold it."""
    return _proxy([f"unix/{socket}"], _patient(RACK_WAIT_S, RACK_INTERVAL_MS), Transport())


def once(upstreams: Iterable[str], policy: Json, transport: Transport) -> Json:
    """Try one of the upstreams."""
    return _proxy(upstreams, {"retry_match": [NEVER], "selection_policy": policy}, transport)


def quickly(upstreams: Iterable[str], policy: Json, transport: Transport) -> Json:
    """Pass over upstreams that refuse connections, within milliseconds."""
    tries = {"retries": FIRST_RETRIES, "try_interval": f"{FIRST_INTERVAL_MS}ms", "retry_match": [NEVER]}
    return _proxy(upstreams, tries | {"selection_policy": policy}, transport)


def patiently(upstreams: Iterable[str], policy: Json, transport: Transport, hold_s: float) -> Json:
    """Keep trying until one of the upstreams can be reached, for that long."""
    return _proxy(upstreams, _patient(hold_s, HOLD_INTERVAL_MS) | {"selection_policy": policy}, transport)


def _patient(duration_s: float, interval_ms: int) -> Json:
    return {"try_duration": f"{duration_s * 1000:.0f}ms", "try_interval": f"{interval_ms}ms", "retry_match": [NEVER]}


def _proxy(upstreams: Iterable[str], balancing: Mapping[str, Any], transport: Transport) -> Json:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream} for upstream in upstreams],
        "load_balancing": dict(balancing),
        "flush_interval": -1,
        "transport": transport.json(),
    }
