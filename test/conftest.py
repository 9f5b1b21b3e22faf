"""What all tests share: their environment, the marker of those that need ROS, and what is true of a run's processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    """Set what the tests' processes inherit; what the caller has set stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    data = TESTS.parents[1] / "shared" / "data"
    if data.is_dir():  # elsewhere the tests of real data skip, with the reason
        os.environ.setdefault("RT_SEG_DATA", str(data))
    # A caller that ignores SIGINT (`make test &`, cron) hands that down, and nodes under test would never end by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list) -> None:
    """Mark everything in test/ros: it needs the messages that the workspace's build generates."""
    for item in items:
        if TESTS / "ros" in item.path.parents:
            item.add_marker(pytest.mark.ros)
