"""Deploying without a command line: from an archive that is uploaded, and from a Git repository."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from starlette.responses import Response

from sternway.console import texts, uploads, visit
from sternway.console.visit import Visit
from sternway.core.errors import InvalidInput
from sternway.core.release import Build, BuildOptions
from sternway.ops import apps, deployments
from sternway.ops.deployments import Origin

NAME_SHOWN = 100


async def ask(seen: Visit) -> Response:
    """Show both forms."""
    return seen.page("deploy.html", view=await apps.get(seen.rack, seen.app))


async def upload(seen: Visit) -> Response:
    """Take an archive in as it comes, order its build, and show how that goes."""
    view = await apps.get(seen.rack, seen.app)
    kept: list[tuple[str, str]] = []

    async def keep(name: str, content: AsyncIterator[bytes]) -> None:
        kept.append((name, await deployments.upload(seen.rack, seen.app, content)))

    sent = replace(seen, form=await uploads.receive(seen, keep))
    made = sent.reasoned(view.app)
    if not kept:
        raise InvalidInput(texts.NO_FILE, hint=texts.NO_FILE_HINT)
    name, key = kept[0]
    description = _description(sent.form) or _file_name(name)
    build = await deployments.order(seen.rack, seen.app, BuildOptions(key), description, made)
    return _to(seen, build)


async def fetch(seen: Visit) -> Response:
    """Fetch a repository, order its build, and show how that goes."""
    view = await apps.get(seen.rack, seen.app)
    origin = Origin(seen.form.get("repository", ""), seen.form.get("ref", ""))
    made = seen.reasoned(view.app)
    build = await deployments.order_repository(seen.rack, seen.app, origin, _description(seen.form), made)
    return _to(seen, build)


def _to(seen: Visit, build: Build) -> Response:
    return visit.to("apps", seen.app, "builds", build.id, then="promotion")


def _description(form: Mapping[str, str]) -> str:
    return "".join(c for c in form.get("description", "") if c.isprintable()).strip()


def _file_name(name: str) -> str:
    """Return the name of a file without what some browsers say of where it was."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:NAME_SHOWN]
