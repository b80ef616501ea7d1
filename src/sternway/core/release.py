"""Builds and releases: frozen, never changed, never renumbered.

A release is a build, an environment and a manifest. Whatever makes one (a build, a change of a variable,
a rollback, a client that copies by hand) goes through `draft`, so that a copy always says what it copies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sternway.core.app import Made
from sternway.core.environment import Environment, change_description
from sternway.core.errors import InvalidInput


class BuildStatus(StrEnum):
    """The words are the contract's; clients reject any other."""

    CREATED = "created"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Tell whether the build has yet to end."""
        return self in (BuildStatus.CREATED, BuildStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a client asked of a build. `source` is the key of the uploaded archive among the app's objects."""

    source: str
    manifest_path: str = "convox.yml"
    arguments: tuple[str, ...] = ()
    git_sha: str = ""
    use_cache: bool = True
    is_development: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """An immutable artifact for each service of a source tree, with its manifest.

    `artifacts` maps a service to what its engine starts: a reference that says nothing to anybody else.
    """

    id: str
    app_id: int
    made: Made
    options: BuildOptions
    description: str = ""
    status: BuildStatus = BuildStatus.CREATED
    manifest: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    release_id: str | None = None
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """The wish that the release of a build be promoted once it is there; `problem` says why nobody tries any more."""

    build_id: str
    made: Made
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A build, an environment and a manifest, frozen.

    `order` rises with each release of the rack whatever the clock says, and is what newer and older go by.
    `copy_of` names the release whose content this one repeats; `is_rollback` says that it was older than
    the active one when the copy was made.
    """

    id: str
    app_id: int
    made: Made
    build_id: str | None
    environment: Environment
    manifest: str
    description: str = ""
    copy_of: str | None = None
    is_rollback: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """A release as a list shows it: without environment and manifest, so that lists stay fast."""

    id: str
    made: Made
    build_id: str | None
    description: str
    copy_of: str | None
    is_rollback: bool
    order: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new release is to be made of; what is None comes from the parent, if there is one.

    `id` is the one that it is to have, where that was decided before.
    """

    parent: Release | None = None
    build: Build | None = None
    environment: Environment | None = None
    description: str | None = None
    id: str | None = None


def draft(wish: Wish, *, id: str, made: Made, app_id: int) -> Release:
    """Return the release that `wish` makes of its parent; nothing is looked up or stored."""
    parent = wish.parent
    inherited = parent.environment if parent else Environment()
    environment = inherited if wish.environment is None else wish.environment
    return Release(
        id=id,
        app_id=app_id,
        made=made,
        build_id=wish.build.id if wish.build else (parent.build_id if parent else None),
        environment=environment,
        manifest=wish.build.manifest if wish.build else (parent.manifest if parent else ""),
        description=_description(wish, change_description(inherited, environment)),
    )


def _description(wish: Wish, change: str) -> str:
    if wish.description is not None:
        return wish.description
    return change or (wish.build.description if wish.build else "")


class Part(StrEnum):
    """What of a release can be gone back to by itself; the manifest belongs to the build."""

    ENVIRONMENT = "env"
    BUILD = "build"


def gone_back(original: Release, active: Release | None, part: Part | None, *, id: str, made: Made) -> Release:
    """Return the release that a rollback to `original` promotes: a copy, or a part of it beside the active one's rest.

    Raises InvalidInput for a part where no release is active.
    """
    if part is None:
        said, back = rollback_description(original), original
    elif active is None:
        raise InvalidInput("only: there is no active release to take the rest from", hint="leave out --only")
    elif part is Part.ENVIRONMENT:
        said, back = f"environment of {original.id}, build of {active.id}", _beside(active, original)
    else:
        said, back = f"build of {original.id}, environment of {active.id}", _beside(original, active)
    origin = original.id if part is None else None
    return replace(back, id=id, made=made, copy_of=origin, is_rollback=True, description=said)


def _beside(built: Release, environed: Release) -> Release:
    return replace(built, environment=environed.environment)


def content(release: Release) -> bytes:
    """Return the canonical bytes of build, environment and manifest: two releases with the same are copies.

    They hold environment values, so only a keyed hash of them may leave this process.
    """
    parts = [release.build_id, dict(release.environment), release.manifest]
    return json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()


def rollback_description(original: Release) -> str:
    """Say what a rollback went back to, and what that was."""
    return f"rollback to {original.id}" + (f" ({original.description})" if original.description else "")
