"""What the tests of a whole rack on Docker share: the engine that is there anyway, or one that a test may hurt."""

from tests.engines.conftest import docker_host

__all__ = ["docker_host"]
