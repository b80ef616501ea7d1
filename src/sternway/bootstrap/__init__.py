"""The composition root of `sternwayd`: the only package that sees everything.

It reads the command line, chooses the adapters, and runs the parts side by side until it is asked to stop.
"""

from sternway.bootstrap.program import main as main
