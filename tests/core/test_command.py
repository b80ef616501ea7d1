"""Which release commands are due: once on the way forth, undone newest first on the way back, never twice."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sternway.core import command
from sternway.core.app import Made
from sternway.core.command import Command, CommandKind, CommandRun, Declared, Effect, Reached, RunStatus
from sternway.core.environment import Environment
from sternway.core.manifest import parse
from sternway.core.release import Release

AT = datetime(2026, 3, 1, tzinfo=UTC)
SERVICES = ("web", "worker")
MANIFEST = """
services:
  web: {command: a, release: migrate, rollback: unmigrate}
  worker: {command: b, release: [seed, "it all"]}
"""


def release(manifest: str = MANIFEST) -> Release:
    return Release("RA", 1, Made(AT, "ann"), "BA", Environment(), manifest, order=1)


def test_the_services_with_commands_are_found_in_the_order_of_the_manifest():
    found = command.declared(release(), Reached("RA", "a", 1, 0))
    assert (found.release, found.rollback) == (("web", "worker"), ("web",))


def test_a_command_of_words_is_quoted_as_a_shell_would_need_them():
    manifest = parse(MANIFEST, Environment()).manifest
    assert command.text(manifest, Command(CommandKind.RELEASE, "RA", "worker")) == "seed 'it all'"


def test_a_manifest_that_cannot_be_read_declares_nothing():
    found = command.declared(release("services: {web: {release: [1"), Reached("RA", "a", 1, 0))
    assert (found.release, found.rollback) == ((), ())


# --- a history, and what the commands in it have done ---


@dataclass
class History:
    """Releases by order, with the services whose commands stand: what the migrations of a database would be."""

    declared: dict[int, tuple[str, ...]] = field(default_factory=dict)
    activated: dict[int, int] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    standing: list[tuple[int, str]] = field(default_factory=list)
    promotions: int = 0
    active: int = 0

    def of(self, order: int) -> Declared:
        services = self.declared[order]
        reached = Reached(f"R{order}", f"B{order}", order, self.activated.get(order, 0))
        return Declared(reached, release=services, rollback=services)

    def forth(self, services: tuple[str, ...], fails_after: int | None = None) -> None:
        """Deploy a new release."""
        order = len(self.declared) + 1
        self.declared[order] = services
        self._run(order, command.forth(self.of(order), self.effects, is_rollback=False), fails_after)

    def back(self, order: int, *, is_undoing: bool, fails_after: int | None = None) -> tuple[Command, ...]:
        """Go to a release; return what was due."""
        target = self.of(order)
        later = [self.of(each) for each in self.declared if each != order]
        undoing = command.back(target.reached, later, self.effects) if is_undoing else ()
        agenda = (*undoing, *command.forth(target, self.effects, is_rollback=True))
        self._run(order, agenda, fails_after)
        return agenda

    def _run(self, order: int, agenda: tuple[Command, ...], fails_after: int | None = None) -> None:
        """Do one after the other, each as `due` says, until one fails."""
        self.promotions += 1
        runs: list[CommandRun] = []
        while (due := command.due(agenda, runs)) is not None:
            if fails_after == len(runs):
                return
            runs.append(CommandRun(self.promotions, due, RunStatus.SUCCEEDED, AT))
            self._do(due)
        assert [run.command for run in runs] == list(agenda)
        self.activated[order], self.active = self.promotions, order

    def _do(self, due: Command) -> None:
        effect = (int(due.release_id[1:]), due.service)
        if due.kind is CommandKind.RELEASE:
            assert effect not in self.standing
            self.standing.append(effect)
        else:
            assert effect in self.standing
            self.standing.remove(effect)
        self.effects.append(Effect(f"B{effect[0]}", effect[1], due.kind, self.promotions))


MOVES = ["forth", "fail", "back", "undo", "fail back"]
some_services = st.sampled_from([(), ("web",), SERVICES])
moves = st.lists(
    st.tuples(
        st.sampled_from(["forth", "fail", "back", "undo", "fail back"]),
        some_services,
        st.integers(0, 99),
        st.integers(0, 2),
    ),
    max_size=25,
)


def played(series) -> History:
    history = History()
    history.forth(SERVICES)
    for move, services, number, fails_after in series:
        order = number % len(history.declared) + 1
        match move:
            case "forth":
                history.forth(services)
            case "fail":
                history.forth(services, fails_after)
            case "back":
                history.back(order, is_undoing=False)
            case "undo":
                history.back(order, is_undoing=True)
            case _:
                history.back(order, is_undoing=True, fails_after=fails_after)
    return history


@given(moves)
def test_nothing_is_done_twice_or_undone_that_does_not_stand_whatever_the_history(series):
    played(series)


@given(moves, st.integers(0, 99))
def test_after_going_back_with_commands_what_stands_is_what_the_release_and_older_ones_did(series, number):
    history = played(series)
    order = number % len(history.declared) + 1
    history.back(order, is_undoing=True)
    assert all(each <= order for each, _ in history.standing)
    assert {(order, service) for service in history.declared[order]} <= set(history.standing)


@given(moves, st.integers(0, 99))
def test_the_newest_is_undone_first_and_before_anything_is_done_again(series, number):
    history = played(series)
    order = number % len(history.declared) + 1
    agenda = history.back(order, is_undoing=True)
    orders = [int(each.release_id[1:]) for each in agenda]
    assert orders == sorted(orders, reverse=True)
    assert all(each.kind is CommandKind.RELEASE for each in agenda if each.release_id == f"R{order}")


@given(moves, st.integers(0, 99))
def test_without_the_wish_nothing_is_undone(series, number):
    history = played(series)
    order = number % len(history.declared) + 1
    agenda = history.back(order, is_undoing=False)
    assert not [each for each in agenda if each.kind is CommandKind.ROLLBACK]


@given(moves, st.integers(0, 99))
def test_going_back_twice_runs_nothing_the_second_time(series, number):
    history = played(series)
    order = number % len(history.declared) + 1
    history.back(order, is_undoing=True)
    assert history.back(order, is_undoing=True) == ()


def test_a_failed_run_leaves_its_command_due():
    one, two = (Command(CommandKind.RELEASE, "RA", service) for service in SERVICES)
    run = CommandRun(1, one, RunStatus.FAILED, AT)
    assert command.due((one, two), (run,)) == one
    assert command.due((one, two), (replace(run, status=RunStatus.SUCCEEDED),)) == two
