"""The other contenders of fidelity: Docker Swarm, kamal-proxy, and the old image run again with today's settings."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from bench import kamal, swarm
from bench.fidelity import (
    APP,
    HOST,
    ONE,
    PORT,
    TWO,
    WORKER_FILE,
    Contender,
    Fidelity,
    Seen,
    Version,
    compared,
    is_of,
    seen,
    settled,
    source,
)
from bench.kamal import KamalProxy
from bench.place import Place
from bench.swarm import Swarm
from bench.visit import answers_of

COMMAND_S = 120.0
IMAGE = "sternway-bench-faithful"
ASK = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{PORT}/').read().decode())"


def measure(here: Place) -> Iterator[Fidelity]:
    """Find out what comes back for each of those that can run here; the engine is that of DOCKER_HOST."""
    try:
        for version in (ONE, TWO):
            _docker("build", "--quiet", "--tag", _image(version), str(source(here, version)))
        for each in (_containers, _kamal, _swarm):
            yield from _or_left_out(each(here))
    finally:
        _docker("image", "rm", "--force", *map(_image, (ONE, TWO)))


def _or_left_out(found: Iterator[Fidelity]) -> Iterator[Fidelity]:
    """Leave out, and say so, who cannot be brought to run here: that is no reason to lose what was found."""
    try:
        yield from found
    except (subprocess.SubprocessError, TimeoutError, RuntimeError) as problem:
        print(f"left out: {problem}", flush=True)


def _containers(here: Place) -> Iterator[Fidelity]:
    with Containers() as containers:
        yield _went_back(containers, containers.run_old_image, "docker run", "docker run of the old image")


def _swarm(here: Place) -> Iterator[Fidelity]:
    obstacle = swarm.obstacle()
    if obstacle:
        print(f"Swarm is left out: {obstacle}", flush=True)
        return
    with Swarm(here.directory / "faithful-swarm", _image(ONE), ONE.count) as other:
        other.take_image(_image(TWO))
        services = Services(other)
        yield _went_back(services, services.roll_back, "Docker Swarm", "service update --rollback, of each service")


def _kamal(here: Place) -> Iterator[Fidelity]:
    program = kamal.program()
    if program is None:
        print(kamal.left_out(), flush=True)
        return
    with KamalProxy(here.directory / "faithful-kamal", program, HOST, "/") as proxy, Containers(proxy) as containers:
        by = "deploy of the old targets, kept running"
        yield _went_back(containers, containers.turn_back, "kamal-proxy", by)


def _went_back(contender: Contender, go_back: Any, name: str, by: str) -> Fidelity:
    contender.run(ONE)
    one = settled(contender, is_of(ONE))
    contender.run(TWO)
    two = settled(contender, is_of(TWO))
    go_back()
    return Fidelity(name, by, compared(one, two, settled(contender, lambda found: bool(found.worker))))


class Services:
    """Fills `Contender`: a service for web and one for the worker, each updated as a whole."""

    def __init__(self, other: Swarm) -> None:
        self._swarm = other
        self._is_made = False

    def run(self, version: Version) -> None:
        """Make both services, or update them."""
        for service in ("web", "worker"):
            self._swarm.docker("service", *(self._update if self._is_made else self._create)(service, version))
        self._is_made = True

    def roll_back(self) -> None:
        """Roll both back; the command waits until it is done."""
        for service in ("web", "worker"):
            self._swarm.docker("service", "update", "--rollback", "--quiet", service)

    def look(self) -> Seen:
        """Ask in every container."""
        web = [self._asked(each, "python3", "-c", ASK) for each in self._tasks("web")]
        worker = [self._asked(each, "cat", WORKER_FILE) for each in self._tasks("worker")]
        return seen(web, worker[0] if len(worker) == 1 else None)

    def _create(self, service: str, version: Version) -> Sequence[str]:
        pace = [f"--{what}-{order}" for what in ("update", "rollback") for order in ("parallelism=0", "monitor=100ms")]
        given = [f"--env=SETTING={version.word}", f"--env=PORT={PORT}", "--no-resolve-image", "--quiet", *pace]
        mount = ["--mount", _volume(version), f"--replicas={version.count}"] if service == "web" else []
        command = [_image(version), "python3", "app.py", service, version.word]
        return ["create", "--name", service, *given, *mount, *command]

    def _update(self, service: str, version: Version) -> Sequence[str]:
        given = [f"--image={_image(version)}", f"--env-add=SETTING={version.word}", "--no-resolve-image", "--quiet"]
        given += ["--args", f"python3 app.py {service} {version.word}"]
        if service == "web":
            given += [f"--replicas={version.count}", f"--mount-rm={ONE.mount}", "--mount-add", _volume(version)]
        return ["update", *given, service]

    def _tasks(self, service: str) -> list[str]:
        return self._swarm.docker("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={service}").split()

    def _asked(self, container: str, *words: str) -> dict[str, Any]:
        try:
            return _read(self._swarm.docker("exec", container, *words))
        except subprocess.CalledProcessError as exc:
            raise LookupError(f"{container} does not answer") from exc


class Containers:
    """Fills `Contender`: plain containers, with a proxy before them or not. Those of web are kept, as Kamal does."""

    def __init__(self, proxy: KamalProxy | None = None) -> None:
        self._proxy = proxy
        self._web: dict[str, list[str]] = {}
        self._worker = ""
        self._all: list[str] = []

    def __enter__(self) -> "Containers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._all:
            _docker("rm", "--force", "--volumes", *self._all)
        with contextlib.suppress(subprocess.CalledProcessError):
            _docker("volume", "rm", "--force", *(f"{APP}-{version.word}" for version in (ONE, TWO)))

    def run(self, version: Version) -> None:
        """Start the version's containers, turn to those of web, and have its worker in place of the other one."""
        self._start(version, version)

    def turn_back(self) -> None:
        """Have the proxy turn to the older containers of web. It knows of nothing else."""
        self._turn_to(ONE)

    def run_old_image(self) -> None:
        """Run the older image with what is set today, in place of everything."""
        _docker("rm", "--force", *self._web[TWO.word])
        self._start(ONE, TWO)

    def look(self) -> Seen:
        """Ask through the proxy, or every container that runs now; and the worker."""
        worker = self._asked(self._worker, "cat", WORKER_FILE)
        if self._proxy:
            return seen(answers_of(self._proxy.port, HOST), worker)
        return seen([self._asked(each, "python3", "-c", ASK) for each in self._web["now"]], worker)

    def _start(self, image: Version, settings: Version) -> None:
        self._web[settings.word] = [self._run(image, settings, "web") for _ in range(settings.count)]
        self._turn_to(settings)
        if self._worker:
            _docker("rm", "--force", self._worker)
        self._worker = self._run(image, settings, "worker")

    def _run(self, image: Version, settings: Version, service: str) -> str:
        given = [f"--env=SETTING={settings.word}", f"--env=PORT={PORT}"]
        given += ["--mount", _volume(settings)] if service == "web" else []
        command = ["python3", "app.py", service, settings.word]
        self._all.append(_docker("run", "--detach", *given, _image(image), *command).strip())
        return self._all[-1]

    def _turn_to(self, version: Version) -> None:
        self._web["now"] = self._web[version.word]
        if self._proxy:
            where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
            found = _docker("inspect", "--format", where, *self._web["now"]).split()
            self._proxy.turn_to(*(f"{address}:{PORT}" for address in found))

    def _asked(self, container: str, *words: str) -> dict[str, Any]:
        try:
            return _read(_docker("exec", container, *words))
        except subprocess.CalledProcessError as exc:
            raise LookupError(f"{container} does not answer") from exc


def _image(version: Version) -> str:
    return f"{IMAGE}:{version.number}"


def _volume(version: Version) -> str:
    return f"type=volume,source={APP}-{version.word},target={version.mount}"


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _docker(*words: str) -> str:
    command = ["docker", *words]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, timeout=COMMAND_S).stdout
