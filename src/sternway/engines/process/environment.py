"""What a process finds in its environment: nothing of the rack's own."""

from collections.abc import Mapping
from pathlib import Path

from sternway.core.formation import Formation
from sternway.engines.process.artifacts import Located

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "home"
TEMPORARY = "tmp"


def of_process(
    formation: Formation, *, port: int | None, directory: Path, located: Located, defaults: Mapping[str, str]
) -> dict[str, str]:
    """Return every variable; the names of app and release win over declared ones, and PORT over all.

    `defaults` say where the volumes are, and whatever else the place decides. The programs of the dependencies
    come first on PATH, whatever else is on it.
    """
    minimal = {
        "PATH": PATH,
        "HOME": str(directory / HOME),
        "LANG": "C.UTF-8",
        **defaults,
        **located.variables,
    }
    given = {} if port is None else {"PORT": str(port)}
    whole = {**minimal, **formation.environment, **formation.labels, **given}
    return {**whole, "PATH": ":".join([*map(str, located.path_entries), whole["PATH"]])}
