"""Fetch files by HTTP or from a directory, bounded in time, and ended at once by another thread.

By the standard library, so that the command line needs nothing more for an update.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from time import monotonic
from typing import Any

from tuf.api import exceptions
from tuf.ngclient.fetcher import FetcherInterface

from sternway.channel.abort import Abort

CHUNK_BYTES = 256 * 1024
WAIT_S = 20.0
SLOWEST_BYTES_S = 10_000
"""A server that gives less is taken to hold us up."""


class Fetcher(FetcherInterface):
    """Fetches for TUF until it is aborted."""

    def __init__(self, abort: Abort) -> None:
        self._abort = abort
        self._opener = urllib.request.build_opener(_Http(abort), _Https(abort))

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            answer = self._opener.open(url, timeout=WAIT_S)
        except urllib.error.HTTPError as exc:
            raise exceptions.DownloadHTTPError(f"{url} answered {exc.code}", exc.code) from exc
        except urllib.error.URLError as exc:
            if isinstance(exc.reason, FileNotFoundError) or "No such file" in str(exc.reason):
                raise exceptions.DownloadHTTPError(f"{url} is not there", 404) from exc
            raise
        except (OSError, http.client.HTTPException):
            self._abort.check()
            raise
        return self._chunks(answer)

    def _chunks(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        began, got = monotonic(), 0
        with answer:
            # What has come is taken as it comes: one that waited for whole chunks would wait long for a slow server.
            while chunk := answer.read1(CHUNK_BYTES):
                self._abort.check()
                got += len(chunk)
                if got < (monotonic() - began - WAIT_S) * SLOWEST_BYTES_S:
                    raise exceptions.SlowRetrievalError("it sends too slowly")
                yield chunk
        self._abort.check()


class _Http(urllib.request.HTTPHandler):
    """Opens connections that can be aborted."""

    def __init__(self, abort: Abort) -> None:
        super().__init__()
        self._abort = abort

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open one."""

        def connected(host: str, **options: Any) -> http.client.HTTPConnection:
            return _watched(http.client.HTTPConnection(host, **options), self._abort)

        return self.do_open(connected, req)


class _Https(urllib.request.HTTPSHandler):
    """The same over TLS."""

    def __init__(self, abort: Abort) -> None:
        super().__init__()
        self._abort = abort

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open one."""

        def connected(host: str, **options: Any) -> http.client.HTTPConnection:
            return _watched(http.client.HTTPSConnection(host, **options), self._abort)

        return self.do_open(connected, req)


def _watched(connection: http.client.HTTPConnection, abort: Abort) -> http.client.HTTPConnection:
    connect = connection.connect

    def connect_and_watch() -> None:
        connect()
        abort.watch(connection.sock)

    connection.connect = connect_and_watch  # type: ignore[method-assign]
    return connection
