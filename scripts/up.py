"""Start a rack that stays: data in `.rack` of this checkout, and the next three commands to try."""

import argparse
from pathlib import Path

from scripts.rack_process import RackProcess

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".rack"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="process")
    parser.add_argument("--port", type=int, default=5443, help="where the API answers")
    parser.add_argument("--router-port", type=int, default=8080, help="where apps answer")
    arguments = parser.parse_args()
    rack = RackProcess(DATA, engine=arguments.engine, port=arguments.port, router_port=arguments.router_port)
    rack.start()
    print(f"A rack is running: {rack.summary()}\n")
    print("Next, in this directory:\n")
    print("  export RACK_URL=$(cat .rack/rack-url) PATH=$PWD/.venv/bin:$PATH")
    print("  sternway apps create hello")
    print("  sternway deploy examples/hello -a hello\n")
    print(f"Then look at http://web.hello.localhost:{rack.router_port}/")
    print("Take it down with: .venv/bin/sternway rack stop --data .rack --all")


if __name__ == "__main__":
    main()
