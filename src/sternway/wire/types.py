"""The objects of the API, as the contract names their members.

A member whose JSON name has dashes carries underscores here: `git_sha` is `git-sha`. Times are aware and
in UTC; None and the zero time of other servers both mean that there is none.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """`release` is the id of the active release, or empty; `router` the domain that its hosts end in."""

    name: str
    status: str
    release: str = ""
    generation: str = "2"
    locked: bool = False
    router: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Build:
    """`status` is created, running, complete or failed; `release` is filled once it is complete."""

    id: str
    app: str
    status: str
    description: str = ""
    entrypoint: str = ""
    git_sha: str = ""
    logs: str = ""
    manifest: str = ""
    process: str = ""
    release: str = ""
    reason: str = ""
    repository: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """`env` is `KEY=VALUE` lines. The members after `created` are Sternway's own; other clients ignore them.

    `gone` says that what it would run is no longer there.
    """

    id: str
    app: str
    build: str = ""
    env: str = ""
    manifest: str = ""
    description: str = ""
    created: datetime | None = None
    author: str = ""
    reason: str = ""
    copy_of: str = ""
    rollback: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `name` is its service, `release` the one that it serves now.

    `cpu` is in cores and `memory` in MiB, 0 where they are not known. `one_off` is Sternway's own.
    """

    id: str
    app: str
    name: str
    status: str
    release: str = ""
    command: str = ""
    cpu: float = 0.0
    memory: float = 0.0
    host: str = ""
    image: str = ""
    instance: str = ""
    ports: list[str] = field(default_factory=list)
    started: datetime | None = None
    service: str = ""
    one_off: bool = False


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port that the router answers on, and the one that the manifest declares."""

    balancer: int
    container: int
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the active release; `memory` in MiB, `cpu` in thousandths of a core, 0 for no bound."""

    name: str
    domain: str = ""
    count: int = 1
    cpu: int = 0
    memory: int = 0
    gpu: int = 0
    ports: list[ServicePort] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class System:
    """The rack. `domain` is what the hosts of apps end in, `rack_domain` where its API answers.

    `problems` is Sternway's own: what does not work now, in words for people.
    """

    name: str
    status: str
    version: str
    provider: str = ""
    region: str = ""
    domain: str = ""
    rack_domain: str = ""
    router_internal: str = ""
    type: str = ""
    count: int = 1
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Version:
    """A time that a version of the rack became active, or was tried; `id` is the version.

    Other clients read it as a Release. `status` is active, updating, reverted, or empty for one that was active;
    `move` is the same for every sight of one move. Those after `created` are Sternway's own.
    """

    id: str
    app: str = ""
    build: str = ""
    env: str = ""
    manifest: str = ""
    description: str = ""
    created: datetime | None = None
    author: str = ""
    reason: str = ""
    status: str = ""
    cause: str = ""
    move: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about a move to another version without making it (Sternway's own)."""

    name: str
    found: str
    ok: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """A login at an image registry. The password is empty in every answer: it never leaves the rack."""

    server: str
    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use the rack (Sternway's own). `apps` is null for all of them and the rack itself.

    `status` is invited, active, or expired for an invitation that nobody accepted. `invitation` is filled in the
    answer that made one, and nowhere else.
    """

    name: str
    role: str = ""
    apps: list[str] | None = None
    status: str = ""
    changed: datetime | None = None
    author: str = ""
    invitation: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """Who calls, and what they may do (Sternway's own). `apps` is null for all of them and the rack itself."""

    name: str
    role: str = ""
    apps: list[str] | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A deploy token (Sternway's own). `apps` is null for all of them and the rack itself.

    `status` is active or expired. `token` is its text in the answer that made it, and nowhere else.
    """

    id: str
    name: str = ""
    role: str = ""
    apps: list[str] | None = None
    status: str = ""
    expires: datetime | None = None
    created: datetime | None = None
    author: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token of the contract."""

    token: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What storing an object answers. The capital is the contract's."""

    Url: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened during a promotion, in words for people."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A release command that ran during a promotion (Sternway's own), and what it printed.

    `kind` is release or rollback, `release` the one that it belongs to. `status` is begun or running, then
    succeeded, failed or stopped. `process` is what ran it.
    """

    promotion: int
    kind: str
    service: str
    release: str
    status: str
    cause: str = ""
    process: str = ""
    at: datetime | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One attempt to make a release active (`GET /apps/{app}/promotions`, Sternway's own).

    `status` is pending, updating or reverting while it is open, then completed, reverted, superseded or
    cancelled. Lists leave `steps` empty.
    """

    id: int
    app: str
    release: str
    status: str
    cause: str = ""
    author: str = ""
    reason: str = ""
    replaces: str = ""
    created: datetime | None = None
    ended: datetime | None = None
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; `kind` is added, removed or changed.

    `before` and `after` are empty where it was not there, and for variables that are not to be seen.
    """

    name: str
    kind: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """How many bytes the artifact of a service has, -1 where it is not known."""

    service: str
    size: int


@dataclass(frozen=True, slots=True)
class DiffSide:
    """One of the two releases of a diff. `files` and `size` (bytes of source) are 0 if not listed.

    `artifacts` has each service of the build.
    """

    release: str
    description: str = ""
    created: datetime | None = None
    author: str = ""
    build: str = ""
    build_description: str = ""
    git_sha: str = ""
    files: int = 0
    size: int = 0
    artifacts: list[Size] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs from one release to another (`GET /apps/{app}/diff`, Sternway's own).

    `services` are those whose artifact differs. `manifest_known` and `files_known` tell whether there is anything to
    say of them; `manifest_text` is a unified diff. `same` is true where nothing but settings differs.
    """

    app: str
    before: DiffSide
    after: DiffSide
    same: bool = False
    revealed: bool = False
    environment: list[Change] = field(default_factory=list)
    manifest: list[Change] = field(default_factory=list)
    manifest_known: bool = True
    manifest_text: str = ""
    services: list[Change] = field(default_factory=list)
    files: list[Change] = field(default_factory=list)
    files_known: bool = True
    settings: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at before a rollback; `result` is ok, problem or unknown."""

    name: str
    result: str
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A service of a release to go back to: how many it is to have, and how many are there already (-1: unknown)."""

    name: str
    count: int
    there: int = -1


@dataclass(frozen=True, slots=True)
class CommandAhead:
    """What a rollback would run: `kind` release, or rollback, which runs only with `run-rollback-commands`."""

    kind: str
    service: str
    release: str
    command: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rollback would do (`GET /apps/{app}/releases/{release}/preview`, Sternway's own).

    `standby` is yes, no or unknown; `expected` is in seconds, -1 where it is not known, from so many promotions of
    that kind as `measured` says. `stays` is what would not come back, in words. `commands` are in their order.
    """

    app: str
    release: str
    works: bool
    description: str = ""
    checks: list[Finding] = field(default_factory=list)
    services: list[Outlook] = field(default_factory=list)
    commands: list[CommandAhead] = field(default_factory=list)
    standby: str = "unknown"
    expected: float = -1.0
    measured: int = 0
    stays: list[str] = field(default_factory=list)
    diff: Diff | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One thing that somebody did (`GET /apps/{app}/history` and `GET /history`, Sternway's own).

    `subject` is release, environment, scale, settings, app, rack or other; `status` how a promotion or a move of the
    rack stands. `since` and `until` are when it was in production, neither if it never was.
    """

    at: datetime | None
    subject: str
    text: str
    author: str = ""
    reason: str = ""
    status: str = ""
    cause: str = ""
    app: str = ""
    release: str = ""
    copy_of: str = ""
    promotion: int = 0
    since: datetime | None = None
    until: datetime | None = None
    active: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """The release that was active at a point in time (`GET /apps/{app}/history/point`, Sternway's own)."""

    release: str
    description: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """An app that is back (`POST /apps/{app}/restore`, Sternway's own); `release` is being promoted if `promotion`."""

    app: str
    release: str = ""
    promotion: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TrafficStep:
    """Requests that ended in one step of time; `p50` and `p95` are in milliseconds, -1 where they are not known."""

    time: datetime | None
    requests: int = 0
    errors: int = 0
    p50: float = -1.0
    p95: float = -1.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was asked of an app lately (`GET /apps/{app}/traffic`, Sternway's own), as a whole and by step.

    `step` is in seconds. Nothing is known of what was before `since`, and no step from then is listed.
    """

    app: str
    step: int
    since: datetime | None = None
    requests: int = 0
    errors: int = 0
    p50: float = -1.0
    p95: float = -1.0
    steps: list[TrafficStep] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine has and what processes use: cores in thousandths, memory in MiB."""

    cluster_cpu: int = 0
    cluster_gpu: int = 0
    cluster_memory: int = 0
    process_count: int = 0
    process_cpu: int = 0
    process_gpu: int = 0
    process_memory: int = 0
