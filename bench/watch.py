"""Asks an app through the router all the time, on one connection, and remembers when the awaited answer first came."""

import http.client
import json
import threading
import time
from typing import Self

PAUSE_S = 0.002
TIMEOUT_S = 10.0


class Watch:
    """Never retries: a request that fails ends the measurement with its error.

    One that is `is_patient` asks only while it awaits an answer, and leaves the machine alone between.
    """

    def __init__(self, port: int, host: str, *, is_patient: bool = False) -> None:
        self._is_patient = is_patient
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._host = host
        self._awaited: dict[str, str] | None = None
        self._seen = threading.Event()
        self._seen_at = 0.0
        self._problem: Exception | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(TIMEOUT_S)
        self._connection.close()

    def expect(self, **members: str) -> None:
        """Await the first answer from now on that holds these members."""
        self._seen.clear()
        self._awaited = members

    def seen_at(self, timeout_s: float) -> float:
        """Return when the awaited answer had come, on `time.perf_counter`."""
        if not self._seen.wait(timeout_s) or self._problem:
            raise RuntimeError(f"the awaited answer did not come within {timeout_s} s") from self._problem
        return self._seen_at

    def _run(self) -> None:
        try:
            while not self._end.wait(PAUSE_S):
                if self._awaited or not self._is_patient:
                    self._look()
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self._problem = problem
            self._seen.set()

    def _look(self) -> None:
        self._connection.request("GET", "/", headers={"Host": self._host})
        answer = json.loads(self._connection.getresponse().read())
        awaited = self._awaited
        if awaited is not None and awaited.items() <= answer.items():
            self._seen_at, self._awaited = time.perf_counter(), None
            self._seen.set()
