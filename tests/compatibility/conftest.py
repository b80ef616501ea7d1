"""The command line and its scripted rack, as the tests of its commands have them."""

from tests.cli.conftest import folder, rack, run, run_alone

__all__ = ["folder", "rack", "run", "run_alone"]
