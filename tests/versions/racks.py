"""Real versions of the rack, built from this checkout: one that works, and changed ones that do not, or not quite."""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from scripts.launched_rack import LaunchedRack
from scripts.version import rack
from scripts.version.tree import Tree
from scripts.visitor import Visitor
from sternway.channel import publish as publishing
from sternway.channel.artifact import Artifact, this_platform
from sternway.channel.installed import PACKAGES
from sternway.channel.keys import Keys
from sternway.channel.repository import SignedFiles

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND, THIRD = "20260101000000", "20260201000000-colours", "20260301000000"
DEAF, BROKEN = "20260401000000-deaf", "20260501000000-broken"

_MIGRATION = '''\
"""Apps get a colour.

Revision: 9001
"""

import os
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision: str | None = "{newest}"
COLUMNS = {{"apps": ("colour",)}}


def upgrade() -> None:
    op.add_column("apps", sa.Column("colour", sa.Text))
    store = Path(op.get_bind().exec_driver_sql("PRAGMA database_list").first()[2])
    told = store.parent.parent.with_name("die-in-migration")
    if told.exists():
        told.unlink()
        os.kill(os.getppid(), 9)  # the rack: whoever migrates for it ends too, and not some time later
        time.sleep(4)
    op.create_index("apps_colour", "apps", ["colour"])


def downgrade() -> None:
    op.drop_index("apps_colour", "apps")
    op.drop_column("apps", "colour")
'''


def _coloured(source: Path) -> None:
    """Add a column to the schema."""
    schema = source / "src/sternway/store/schema.py"
    text = schema.read_text()
    newest = text.partition('NEWEST = "')[2].partition('"')[0]
    schema.write_text(text.replace(f'NEWEST = "{newest}"', 'NEWEST = "9001"'))
    migration = source / "src/sternway/store/migrations/versions/9001_colours.py"
    migration.write_text(_MIGRATION.format(newest=newest))


class TreeWithNewerCaddy(Tree):
    """Brings a Caddy of other bytes: what is after the end of a program does not keep it from running."""

    def copy_package(self, to: Path) -> None:
        super().copy_package(to)
        caddy = Path(str(to).removesuffix(PACKAGES)) / "bin" / "caddy"
        content = caddy.read_bytes()
        caddy.unlink()  # a link: other versions have the same file
        caddy.write_bytes(content + b"newer")
        caddy.chmod(0o755)


def _deaf(source: Path) -> None:
    """Let it migrate, start well and never take a request, but on trial."""
    _coloured(source)
    path = source / "src/sternway/bootstrap/serving.py"
    text = path.read_text()
    assert "        door.open()\n" in text
    path.write_text(
        text.replace("        door.open()\n", "        '--launched' in __import__('sys').argv or door.open()\n")
    )


def _broken(source: Path) -> None:
    """Let it end as soon as it starts, but on trial."""
    path = source / "src/sternway/bootstrap/program.py"
    text = path.read_text()
    assert "    recent = journal.begin(" in text
    broken = '    if arguments.launched:\n        sys.exit("sternwayd: broken")\n    recent = journal.begin('
    path.write_text(text.replace("    recent = journal.begin(", broken, 1))


CHANGES: Mapping[str, Callable[[Path], None] | None] = {
    FIRST: None,
    SECOND: _coloured,
    THIRD: _coloured,
    DEAF: _deaf,
    BROKEN: _broken,
}


def visitor(rack: LaunchedRack) -> Visitor:
    """Return who asks the app a hundred times a second and never retries."""
    return Visitor(rack.router_port, "web.hello.localhost", connections=2, pause_s=0.02)


def die_in_migration(rack: LaunchedRack) -> Path:
    """Return the file that has the version with colours killed between two statements of its migration."""
    return rack.root.with_name("die-in-migration")


def publish(artifacts: list[Path], directory: Path) -> Path:
    """Make a channel of the artifacts, and return its directory."""
    channel = SignedFiles(directory / "channel", Keys(directory / "keys"), datetime.now(UTC))
    publishing.init(channel)
    for file in artifacts:
        about = json.loads(file.with_name(f"{file.name}.about.json").read_bytes())
        publishing.publish(channel, {file: Artifact(about["version"], "rack", this_platform(), about=about)})
    return channel.directory


def build(version: str, out: Path) -> Path:
    """Build the artifact of a version, with the change that makes it what its name says."""
    change = CHANGES[version]
    source = out / f"source-{version}"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", source / "requirements")
    if change:
        change(source)
    directory = out / version
    directory.mkdir()
    tree = TreeWithNewerCaddy if version == THIRD else Tree
    made = rack.make(tree(source, version, compression=0), directory)
    shutil.rmtree(source)
    return made
