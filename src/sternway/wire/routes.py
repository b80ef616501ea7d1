"""The paths of the API that both sides use; the contract's table is the source of each."""

from urllib.parse import quote

APPS = "/apps"
SYSTEM = "/system"
SYSTEM_RELEASES = "/system/releases"
SYSTEM_UPDATE = "/system/update"
HISTORY = "/history"
REGISTRIES = "/registries"
JWT_TOKEN = "/system/jwt/token"
JWT_ROTATE = "/system/jwt/rotate"
USERS = "/users"
TOKENS = "/tokens"
WHO = "/who"
OWN_PASSWORD = "/who/password"
INVITATION_ACCEPT = "/invitations/accept"


def user(name: str) -> str:
    """Return the path of a user (Sternway's own)."""
    return f"{USERS}/{quote(name, safe='')}"


def invitation(name: str) -> str:
    """Return the path of a user's invitation (Sternway's own)."""
    return f"{user(name)}/invitation"


def token(name: str) -> str:
    """Return the path of a deploy token, by its name or id (Sternway's own)."""
    return f"{TOKENS}/{quote(name, safe='')}"


def registry(server: str) -> str:
    """Return the path of the login at a registry; slashes in the server's name stay."""
    return f"{REGISTRIES}/{quote(server)}"


def app(name: str) -> str:
    """Return the path of an app."""
    return f"{APPS}/{quote(name, safe='')}"


def builds(name: str) -> str:
    """Return the path of an app's builds."""
    return f"{app(name)}/builds"


def build(name: str, build_id: str) -> str:
    """Return the path of one build."""
    return f"{builds(name)}/{quote(build_id, safe='')}"


def releases(name: str) -> str:
    """Return the path of an app's releases."""
    return f"{app(name)}/releases"


def release(name: str, release_id: str) -> str:
    """Return the path of one release."""
    return f"{releases(name)}/{quote(release_id, safe='')}"


def promote(name: str, release_id: str) -> str:
    """Return the path that promotes a release."""
    return f"{release(name, release_id)}/promote"


def promotions(name: str) -> str:
    """Return the path of an app's promotions (Sternway's own)."""
    return f"{app(name)}/promotions"


def promotion(name: str, promotion_id: int) -> str:
    """Return the path of one promotion (Sternway's own)."""
    return f"{promotions(name)}/{promotion_id}"


def rollback(name: str, release_id: str) -> str:
    """Return the path that copies a release and promotes the copy in one step (Sternway's own)."""
    return f"{release(name, release_id)}/rollback"


def preview(name: str, release_id: str) -> str:
    """Return the path of what a rollback to a release would do (Sternway's own)."""
    return f"{release(name, release_id)}/preview"


def diff(name: str) -> str:
    """Return the path of what differs between two releases (Sternway's own)."""
    return f"{app(name)}/diff"


def history(name: str) -> str:
    """Return the path of what was done to an app (Sternway's own)."""
    return f"{app(name)}/history"


def point(name: str) -> str:
    """Return the path of the release that was active at a point in time (Sternway's own)."""
    return f"{history(name)}/point"


def restore(name: str) -> str:
    """Return the path that brings back a deleted app (Sternway's own)."""
    return f"{app(name)}/restore"


def commands(name: str, release_id: str) -> str:
    """Return the path of the commands that promotions of a release ran (Sternway's own)."""
    return f"{release(name, release_id)}/commands"


def processes(name: str) -> str:
    """Return the path of an app's processes."""
    return f"{app(name)}/processes"


def process(name: str, process_id: str) -> str:
    """Return the path of one process."""
    return f"{processes(name)}/{quote(process_id, safe='')}"


def execute(name: str, process_id: str) -> str:
    """Return the path of commands in a process, or in one of the service of that name."""
    return f"{process(name, process_id)}/exec"


def files(name: str, process_id: str) -> str:
    """Return the path of the files of a process, or of one of the service of that name."""
    return f"{process(name, process_id)}/files"


def run(name: str, service: str) -> str:
    """Return the path that starts a process of a service once."""
    return f"{services(name)}/{quote(service, safe='')}/processes"


def proxy(host: str, port: int) -> str:
    """Return the path of connections to a host as the apps see it."""
    return f"/proxy/{quote(host, safe='')}/{port}"


def services(name: str) -> str:
    """Return the path of an app's services."""
    return f"{app(name)}/services"


def objects(name: str, key: str) -> str:
    """Return the path of one of an app's objects; slashes in the key stay."""
    return f"{app(name)}/objects/{quote(key)}"
