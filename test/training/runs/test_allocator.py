"""tcmalloc for a training: taken where it is, once, and never against the user."""

import os
import subprocess
import sys

import pytest

from rt_seg_training.runs import allocator
from rt_seg_training.runs.allocator import SWITCH, environment_with_tcmalloc


def test_an_installed_tcmalloc_is_preloaded_once(monkeypatch):
    monkeypatch.setattr(allocator.ctypes.util, "find_library", lambda name: f"lib{name}.so.4")
    environment = environment_with_tcmalloc({"HOME": "/home/me"})
    assert environment["LD_PRELOAD"] == "libtcmalloc_minimal.so.4" and environment["HOME"] == "/home/me"
    assert environment_with_tcmalloc(environment) is None
    assert environment_with_tcmalloc({**environment, "LD_PRELOAD": ""}) is None, "a loader that ignores it: no circle"


@pytest.mark.parametrize("environment", [{"LD_PRELOAD": "libmine.so"}, {SWITCH: "0"}])
def test_what_the_user_preloads_or_switches_off_stays(monkeypatch, environment):
    monkeypatch.setattr(allocator.ctypes.util, "find_library", lambda name: f"lib{name}.so.4")
    assert environment_with_tcmalloc(environment) is None


def test_without_the_library_nothing_changes(monkeypatch):
    monkeypatch.setattr(allocator.ctypes.util, "find_library", lambda name: None)
    assert environment_with_tcmalloc({}) is None


def test_a_program_started_so_has_it_in_its_memory():
    environment = environment_with_tcmalloc({key: value for key, value in os.environ.items() if key != SWITCH})
    if environment is None:
        pytest.skip("libtcmalloc-minimal4 is not installed")
    script = "print('libtcmalloc_minimal' in open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr


def test_a_restarted_program_keeps_its_arguments_and_restarts_once(tmp_path):
    if environment_with_tcmalloc({}) is None:
        pytest.skip("libtcmalloc-minimal4 is not installed")
    script = tmp_path / "program.py"
    script.write_text(
        "import sys\nfrom rt_seg_training.runs.allocator import restart_with_tcmalloc\nrestart_with_tcmalloc()\n"
        "print(sys.argv[1:], 'libtcmalloc_minimal' in open('/proc/self/maps').read())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop(SWITCH, None)
    done = subprocess.run([sys.executable, str(script), "--steps", "a b"], env=environment, capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert done.stdout == "['--steps', 'a b'] True\n", done.stderr
