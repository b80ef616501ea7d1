"""Prints a line every few seconds: see it with `sternway logs`."""

import os
import signal
import sys
import time

PAUSE_S = float(os.environ.get("PAUSE_S", "5"))

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        print("still here", flush=True)
        time.sleep(PAUSE_S)
