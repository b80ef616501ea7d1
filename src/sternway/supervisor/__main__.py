"""Where the interpreter is pointed at: it runs isolated, so the package has to be found from this file.

Without a word it waits for orders; with `try` it finds out what this machine allows.
"""

import os
import sys


def main() -> None:
    """Put the package on the path, last, and do what is asked."""
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from sternway.supervisor import nursery, trial

    if sys.argv[1:] == ["try"]:
        trial.answer(sys.stdin.buffer, sys.stdout.buffer)
    else:
        nursery.serve(sys.stdin.fileno())


if __name__ == "__main__":
    main()
