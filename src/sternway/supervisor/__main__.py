"""Where the interpreter is pointed at: it runs isolated, so the package has to be found from this file."""

import os
import sys


def main() -> None:
    """Put the package on the path, last, and wait for orders."""
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from sternway.supervisor import nursery

    nursery.serve(sys.stdin.fileno())


if __name__ == "__main__":
    main()
