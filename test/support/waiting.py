"""Waiting for what another process or thread brings about."""

import time


def wait_for(condition, timeout=30.0):
    """The condition's first true value; its last value after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()
