"""Asks whatever a name stands for, as it comes up, and says when an awaited answer first came.

For services that a name server of their network makes known. Runs in a container there, and imports nothing of the
product. A word on standard input is the greeting that is awaited from then on; each find is printed as a line, with
the time of a clock that every process of the machine shares.
"""

import contextlib
import http.client
import json
import socket
import sys
import time

PAUSE_S = 0.002
DEADLINE_S = 60.0
TIMEOUT_S = 5.0


def main() -> int:
    name, port = sys.argv[1], int(sys.argv[2])
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps({"at": _found_at(name, port, line.strip())}), flush=True)
    return 0


def _found_at(name: str, port: int, greeting: str) -> float:
    """Ask each address as soon as it is known, until one gives the awaited answer; raises TimeoutError."""
    others: set[str] = set()
    deadline = time.perf_counter() + DEADLINE_S
    while time.perf_counter() < deadline:
        for address in _addresses(name) - others:
            found = _greeting(address, port)
            if found == greeting:
                return time.perf_counter()
            if found:
                others.add(address)
        time.sleep(PAUSE_S)
    raise TimeoutError(f"nobody says {greeting}")


def _addresses(name: str) -> set[str]:
    with contextlib.suppress(OSError):
        return set(socket.gethostbyname_ex(name)[2])
    return set()


def _greeting(address: str, port: int) -> str:
    with (
        contextlib.suppress(OSError, http.client.HTTPException, ValueError),
        contextlib.closing(http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)) as connection,
    ):
        connection.request("GET", "/")
        return str(json.loads(connection.getresponse().read())["greeting"])
    return ""


if __name__ == "__main__":
    sys.exit(main())
