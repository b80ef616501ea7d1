"""The composition root of `sternwayd`: the only package that sees everything.

It reads the command line, chooses the adapters, and runs the parts side by side until it is asked to stop.
"""

import gc


def main() -> None:
    """Run `sternwayd`. While it gets ready nothing is garbage yet, so nobody looks for any: see `program.ready`."""
    gc.disable()
    from sternway.bootstrap import program

    program.main()
