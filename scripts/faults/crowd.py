"""Clients that never retry and look at what they get: an answer must be of one release, code and environment."""

import http.client
import json
import threading
import time
from collections.abc import Mapping

CONNECTIONS = 5
PAUSE_S = 0.025


class Crowd:
    """Sends requests on connections that stay open. `known` has the greeting of each version."""

    def __init__(self, port: int, host: str, known: Mapping[str, str]) -> None:
        self.failures: list[str] = []
        self._port = port
        self._host = host
        self._known = known
        self._sent = [0] * CONNECTIONS
        self._began = 0.0
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(i,), daemon=True) for i in range(CONNECTIONS)]

    @property
    def sent(self) -> int:
        return sum(self._sent)

    @property
    def rate(self) -> float:
        """How many requests a second it sent up to now."""
        return self.sent / (time.monotonic() - self._began)

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def _visit(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
        while not self._end.wait(PAUSE_S):
            self._sent[number] += 1
            if problem := self._ask(connection):
                self.failures.append(f"{time.strftime('%X')} {problem}")
                connection.close()
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> str:
        """Return what is wrong with the answer, or nothing."""
        try:
            connection.request("GET", "/", headers={"Host": self._host})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            return f"{type(exc).__name__}: {exc}"
        if answer.status != 200:
            return f"status {answer.status}: {body[:200]!r}"
        content = json.loads(body)
        is_whole = self._known.get(content["version"]) == content["greeting"]
        return "" if is_whole else f"a mixture of releases: {body!r}"
