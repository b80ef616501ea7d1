"""What a process finds in its environment: nothing of the rack's own."""

from pathlib import Path

from sternway.core.formation import Formation

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "home"
TEMPORARY = "tmp"


def of_process(formation: Formation, *, port: int | None, directory: Path) -> dict[str, str]:
    """Return every variable; the names of app and release win over declared ones, and PORT over all."""
    minimal = {
        "PATH": PATH,
        "HOME": str(directory / HOME),
        "LANG": "C.UTF-8",
        "TMPDIR": str(directory / TEMPORARY),
    }
    given = {} if port is None else {"PORT": str(port)}
    return {**minimal, **formation.environment, **formation.labels, **given}
