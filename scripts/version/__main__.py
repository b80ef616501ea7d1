"""Build the artifacts of a version into `dist/VERSION`: the rack's and the command line's, for this platform.

What they depend on is taken from the environment that runs this, after it was held against the lock, whose hashes
were checked when it was installed: so building needs no package index, and neither does installing.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from scripts.version import cli, rack
from scripts.version.tree import Tree
from sternway.core import version as versions
from sternway.core.errors import InvalidInput

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="make version", description=__doc__)
    parser.add_argument("--label", default="", help="what the version is to be known by, such as proxy-labels")
    parser.add_argument("--version", help="the version, instead of one of now")
    parser.add_argument("--only", choices=("rack", "cli"), help="build only this")
    parser.add_argument("--source", type=Path, default=ROOT, help="the checkout to build; the default is this one")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the artifacts go")
    parser.add_argument("--compression", type=int, default=6, choices=range(1, 10), help="how much to compress")
    arguments = parser.parse_args()
    try:
        version = versions.read(arguments.version or versions.of(datetime.now(UTC), arguments.label))
    except InvalidInput as exc:
        parser.error(exc.message)
    tree = Tree(arguments.source, version, arguments.compression)
    out = arguments.out / version
    out.mkdir(parents=True, exist_ok=True)
    makers = {"rack": rack.make, "cli": cli.make}
    for name in [arguments.only] if arguments.only else makers:
        made = makers[name](tree, out)
        print(f"{made}  {made.stat().st_size / 1_000_000:.1f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
