import pytest

from sternway.supervisor import child


@pytest.mark.parametrize("command", ["python3 -m http.server $PORT", "./run --name 'a b'", "/bin/true", " sleep 5 "])
def test_the_shell_steps_aside_for_a_single_command(command: str):
    assert child.shell_line(command) == f"exec {command.strip()}"


@pytest.mark.parametrize(
    "command",
    [
        "a && b",
        "a; b",
        "a | b",
        "FOO=1 run",
        "cd x",
        "exec run",
        "a & wait",
        "if true",
        "(a)",
        "a > $(b)",
        "a\nb",
        "",
        "'a b'",
    ],
)
def test_the_shell_stays_for_anything_else(command: str):
    assert child.shell_line(command) == command
