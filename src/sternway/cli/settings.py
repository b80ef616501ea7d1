"""Which rack and which app a command means: flags, environment, files beside the source, files of the person.

Files are those of the stock client, so that whoever has it set up need set up nothing; ours come first.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sternway.cli import errors

FOLDERS = (".sternway", ".convox")
NO_RACK_HINT = "save one: sternway login HOST -p; or set RACK_URL; or name one with -r, CONVOX_RACK or .convox/rack"
NOT_CARRIED = frozenset(" /?#@[]\\")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the choice is made from; `environ` and `directory` are the process's own outside of tests."""

    environ: Mapping[str, str]
    directory: Path

    def app(self, flag: str | None) -> str:
        """Return the name of the app: the flag, a file beside the source, or the name of the folder."""
        if name := flag or self._beside("app") or self.directory.name:
            return name
        raise errors.usage("no app is named", hint="name it with -a")

    def rack_url(self, flag: str | None) -> str:
        """Return the URL of the chosen rack; RACK_URL wins over a deploy key, and both over every name."""
        if url := self.environ.get("RACK_URL"):
            return url
        if self._has_deploy_key():
            return of_host(self.environ["CONVOX_HOST"], self.environ["CONVOX_PASSWORD"])
        name = self.rack_name(flag)
        if name is None:
            raise errors.usage("no rack is chosen", hint=NO_RACK_HINT)
        if url := self._saved(name):
            return url
        raise errors.not_found(f"rack not found: {name}", hint="see those that are saved: sternway racks")

    def has_rack(self, flag: str | None) -> bool:
        """Tell whether any rack is chosen, known or not."""
        has_address = bool(self.environ.get("RACK_URL")) or self._has_deploy_key()
        return has_address or self.rack_name(flag) is not None

    def rack_header(self, flag: str | None) -> str | None:
        """Return which of its racks the host of a deploy key is asked for, None where an address is the rack's own."""
        if self.environ.get("RACK_URL") or not self._has_deploy_key():
            return None
        return flag or self.environ.get("CONVOX_RACK")

    def rack_name(self, flag: str | None) -> str | None:
        """Return the name of the chosen rack, None if there is none; RACK_URL has no name."""
        named = flag or self.environ.get("CONVOX_RACK") or self._beside("rack")
        return named or self._first(home / "rack" for home in self.homes) or self._current()

    def racks(self) -> dict[str, str]:
        """Return the URLs of the saved racks by name, sorted."""
        found: dict[str, str] = {}
        for home in reversed(self.homes):
            folder = home / "racks"
            files = (
                (path for path in folder.iterdir() if path.name[0] != "." and path.is_file())
                if folder.is_dir()
                else iter(())
            )
            found |= {path.name: url for path in files if (url := _read(path))}
        return dict(sorted(found.items()))

    def save(self, name: str, url: str) -> None:
        """Keep a rack's URL, which holds its password: for nobody else to read."""
        self._write(Path("racks", name), url)

    def switch(self, name: str) -> None:
        """Make a saved rack the chosen one where nothing nearer chooses."""
        if name not in self.racks():
            raise errors.not_found(f"rack not found: {name}", hint="see those that are saved: sternway racks")
        self._write(Path("rack"), name)

    @property
    def home(self) -> Path:
        """Return the folder that is written to."""
        return self.homes[0]

    @property
    def homes(self) -> tuple[Path, ...]:
        """Return the folders with a person's settings, the nearest first."""
        for name in ("STERNWAY_CONFIG", "CONVOX_CONFIG"):
            if folder := self.environ.get(name):
                return (Path(folder),)
        xdg = self.environ.get("XDG_CONFIG_HOME") or str(Path(self.environ.get("HOME") or "~").expanduser() / ".config")
        return Path(xdg, "sternway"), Path(xdg, "convox")

    def _has_deploy_key(self) -> bool:
        return bool(self.environ.get("CONVOX_HOST") and self.environ.get("CONVOX_PASSWORD"))

    def _write(self, inside: Path, text: str) -> None:
        path = self.home / inside
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            for folder in (self.home, path.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"{text}\n")
            new.replace(path)
        except OSError as exc:
            raise errors.CommandFailed(f"cannot write {path}: {exc.strerror}") from exc

    def _beside(self, name: str) -> str:
        return self._first(self.directory / folder / name for folder in FOLDERS)

    def _saved(self, name: str) -> str:
        # A name comes from a file or a flag: it may not lead out of the folder.
        return self._first(home / "racks" / name for home in self.homes) if name == Path(name).name else ""

    def _first(self, paths: Iterator[Path]) -> str:
        return next((text for path in paths if (text := _read(path))), "")

    def _current(self) -> str | None:
        text = self._first(home / "current" for home in self.homes)
        if not text:
            return None
        import json

        try:
            return json.loads(text).get("name") or None
        except (ValueError, AttributeError) as exc:
            raise errors.CommandFailed("the settings file `current` cannot be read", hint=NO_RACK_HINT) from exc


def is_name(text: str) -> bool:
    """Tell whether a rack can be saved under this name."""
    import re

    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text))


def of_host(host: str, password: str) -> str:
    """Return the URL of a rack with this password; `host` may be a URL, else https is meant."""
    from urllib.parse import quote

    from sternway.cli import address

    # A rack is sent the password as its URL has it, so that encoding it would make it another.
    found = address.parse(host if "://" in host else f"https://{host}")
    user = found.userinfo.partition(":")[0]
    if not (password.isascii() and password.isprintable()) or NOT_CARRIED & set(password):
        if not user:
            raise errors.usage("the password has characters that a URL cannot carry", hint="give the rack another one")
        password = quote(password, safe="")  # users of a rack may have any
    return address.replaced(found, f"{user or 'convox'}:{password}").url()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise errors.CommandFailed(f"cannot read {path}") from exc
