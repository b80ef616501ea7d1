"""Run as a program: `python3.11 -I launcher.pyz --data DIR …`."""

import sys

from sternway.launcher.program import main

sys.exit(main())
