"""A client that sends requests through the router all the time, on connections that stay open, and never retries."""

import http.client
import json
import threading
import time

PAUSE_S = 0.005


def ask(port: int, host: str) -> dict[str, str]:
    """Return what the app answers now; raises RuntimeError unless it is 200 with a JSON object."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        return _get(connection, host)
    finally:
        connection.close()


class Visitor:
    """Counts what it sends and what fails; remembers when it first saw the answer that is waited for."""

    def __init__(self, port: int, host: str, connections: int = 4, pause_s: float = PAUSE_S) -> None:
        self.failures: list[str] = []
        self._port = port
        self._host = host
        self._pause_s = pause_s
        self._sent = [0] * connections
        self._expected: dict[str, str] | None = None
        self._seen_at: float | None = None
        self._end = threading.Event()
        self._seen = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(i,), daemon=True) for i in range(connections)]

    @property
    def sent(self) -> int:
        return sum(self._sent)

    @property
    def failed(self) -> int:
        return len(self.failures)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def expect(self, **answer: str) -> None:
        """Watch for the first answer that holds these members."""
        self._seen.clear()
        self._expected = answer

    def wait_for_expected(self, timeout_s: float = 30) -> float:
        """Return when (monotonic seconds) the expected answer first came."""
        if not self._seen.wait(timeout_s) or self._seen_at is None:
            raise RuntimeError(f"no answer with {self._expected} within {timeout_s} s")
        return self._seen_at

    def _visit(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
        while not self._end.is_set():
            self._sent[number] += 1
            try:
                self._look(_get(connection, self._host))
            except (OSError, http.client.HTTPException, RuntimeError) as exc:
                self.failures.append(f"{type(exc).__name__}: {exc}")
                connection.close()
            time.sleep(self._pause_s)
        connection.close()

    def _look(self, answer: dict[str, str]) -> None:
        expected = self._expected
        if expected is not None and expected.items() <= answer.items():
            self._seen_at = time.monotonic()
            self._expected = None
            self._seen.set()


def _get(connection: http.client.HTTPConnection, host: str) -> dict[str, str]:
    connection.request("GET", "/", headers={"Host": host})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}: {body[:200]!r}")
    decoded = json.loads(body)
    if not isinstance(decoded, dict):
        raise RuntimeError(f"not an object: {body[:200]!r}")
    return decoded
