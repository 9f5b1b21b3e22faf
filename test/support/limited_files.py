"""Runs a command whose files may not grow beyond a limit, which is to a program what a full disk is."""

import os
import subprocess
import sys

SCRIPT = """import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
from {module} import main
sys.exit(main(sys.argv[2:]))"""


def run_limited(module, limit, *arguments):
    """`main` of a module in a process with files of at most `limit` bytes (-1: no limit); what it printed, as text."""
    # The limit would meet the data file of a coverage measurement, too.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", SCRIPT.format(module=module), str(limit), *map(str, arguments)]
    return subprocess.run(
        command, env=environment, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
    )
