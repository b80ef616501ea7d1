"""Asks an app so often, each time on a connection of its own, that every process of it has answered."""

import http.client
import json
from contextlib import closing
from typing import Any

TIMES = 60
TIMEOUT_S = 5.0


def answers_of(port: int, host: str, address: str = "127.0.0.1") -> list[dict[str, Any]]:
    """Return the answers; raises LookupError where one is no answer of the app."""
    return [_answer(address, port, host) for _ in range(TIMES)]


def _answer(address: str, port: int, host: str) -> dict[str, Any]:
    with closing(http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)) as connection:
        try:
            connection.request("GET", "/", headers={"Host": host})
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise LookupError(f"no answer of {host}: {exc}") from exc
    return found
