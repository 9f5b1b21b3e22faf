"""Runs a program that ends by SIGINT even where the caller ignores it, as `make test &` in a script and cron do.

    python3 make/interruptible.py PROGRAM ARGUMENT...

An ignored signal is inherited through exec, and a shell cannot take that back; nodes that a test starts would not end.
"""

import os
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
