import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sternway.wire import types
from tests.cli import samples
from tests.cli.scripted import ScriptedRack

ASK = (
    'source /dev/stdin; COMP_WORDS=({words}); COMP_CWORD={at}; _sternway_completion sternway; echo "${{COMPREPLY[@]}}"'
)


@pytest.fixture
def program(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "sternway"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom sternway.cli.main import main\nmain()\n")
    path.chmod(0o755)
    return path.parent


def completed(program: Path, *words: str, **environ: str) -> list[str]:
    """Return what bash would offer for the last word."""
    env = os.environ | {"PATH": f"{program}:{os.environ['PATH']}"} | environ
    script = subprocess.run(["sternway", "completion", "bash"], env=env, stdout=subprocess.PIPE, check=True).stdout
    ask = ASK.format(words=" ".join(map(shlex.quote, words)), at=len(words) - 1)
    done = subprocess.run(["bash", "-c", ask], env=env, input=script, capture_output=True, timeout=30, check=True)
    assert done.stderr == b""
    return done.stdout.decode().split()


def test_bash_completes_commands_and_what_the_rack_has(program: Path, rack: ScriptedRack) -> None:
    rack.on("GET /apps", [samples.app()])
    rack.on("GET /apps/shop/releases", [samples.release("RAXHPJHSWZO"), samples.release("RHKOIXXVDMJ")])
    assert completed(program, "sternway", "releases", "ro", RACK_URL=rack.url) == ["rollback"]
    words = ("sternway", "releases", "rollback")
    assert completed(program, *words, "RH", RACK_URL=rack.url) == ["RHKOIXXVDMJ"]
    assert completed(program, *words, "-a", "s", RACK_URL=rack.url) == ["shop"]
    rack.on("GET /registries", [types.Registry("registry.example"), types.Registry("docker.io")])
    assert completed(program, "sternway", "registries", "remove", "d", RACK_URL=rack.url) == ["docker.io"]
    rack.on("GET /system/releases", [types.Version(name) for name in ("20260201000000", "20250101000000")])
    assert completed(program, "sternway", "rack", "update", "2025", RACK_URL=rack.url) == ["20250101000000"]


def test_bash_completes_processes_and_services(program: Path, rack: ScriptedRack) -> None:
    web, worker = (
        types.Process("0bcc8fbecb", "shop", "web", "running"),
        types.Process("1a", "shop", "worker", "running"),
    )
    rack.on("GET /apps/shop/processes", [web, worker])
    rack.on("GET /apps/shop/services", [types.Service("web"), types.Service("worker")])
    app = ("-a", "shop")
    assert completed(program, "sternway", "exec", *app, "w", RACK_URL=rack.url) == ["web", "worker"]
    assert completed(program, "sternway", "ps", "stop", *app, "0", RACK_URL=rack.url) == ["0bcc8fbecb"]
    assert completed(program, "sternway", "run", *app, "wo", RACK_URL=rack.url) == ["worker"]


def test_bash_completes_nothing_where_no_rack_answers(program: Path) -> None:
    assert completed(program, "sternway", "releases", "rollback", "R", RACK_URL="http://127.0.0.1:1") == []
