"""Which rack and which app a command means: flags, environment, files beside the source, files of the person.

Files are those of the stock client, so that whoever has it set up need set up nothing; ours come first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sternway.cli import errors

FOLDERS = (".sternway", ".convox")
NO_RACK_HINT = "set RACK_URL, or name one with -r, CONVOX_RACK or .convox/rack"


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
        """Return the URL of the chosen rack; RACK_URL wins over every name."""
        if url := self.environ.get("RACK_URL"):
            return url
        name = self.rack_name(flag)
        if name is None:
            raise errors.usage("no rack is chosen", hint=NO_RACK_HINT)
        if url := self._saved(name):
            return url
        raise errors.not_found(f"rack not found: {name}", hint=f"put its URL into {self.home / 'racks' / name}")

    def has_rack(self, flag: str | None) -> bool:
        """Tell whether any rack is chosen, known or not."""
        return bool(self.environ.get("RACK_URL")) or self.rack_name(flag) is not None

    def rack_name(self, flag: str | None) -> str | None:
        """Return the name of the chosen rack, None if there is none; RACK_URL has no name."""
        named = flag or self.environ.get("CONVOX_RACK") or self._beside("rack")
        return named or self._first(home / "rack" for home in self.homes) or self._current()

    def racks(self) -> dict[str, str]:
        """Return the URLs of the saved racks by name, sorted."""
        found: dict[str, str] = {}
        for home in reversed(self.homes):
            folder = home / "racks"
            files = (path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else iter(())
            found |= {path.name: url for path in files if (url := _read(path))}
        return dict(sorted(found.items()))

    def switch(self, name: str) -> None:
        """Make a saved rack the chosen one where nothing nearer chooses."""
        if name not in self.racks():
            raise errors.not_found(f"rack not found: {name}", hint="see those that are saved: racks")
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "rack").write_text(f"{name}\n")

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


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise errors.CommandFailed(f"cannot read {path}") from exc
