"""The installed package runs on its own: under the interpreter it was built for, whatever python3 is on PATH."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parents[2]

pytest.importorskip("catkin_pkg", reason="catkin is not on the Python path")


def run(*command, environment=None):
    result = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=300
    )
    output = result.stdout.decode("utf-8")
    assert result.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def install_space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space")
    build, devel, install = folder / "build", folder / "devel", folder / "install"
    options = [f"-DCATKIN_DEVEL_PREFIX={devel}", f"-DCMAKE_INSTALL_PREFIX={install}"]
    run("cmake", "-S", PACKAGE, "-B", build, *options, f"-DPYTHON_EXECUTABLE={sys.executable}")
    run("cmake", "--build", build, "--target", "install")
    return install


def test_executables_run_under_the_interpreter_of_the_build(install_space, tmp_path):
    programs = sorted((install_space / "lib" / "rt_seg").iterdir())
    assert {"check_driver", "make_recording", "replay", "segmentation_node", "status"} <= {p.name for p in programs}
    for program in programs:
        assert program.read_text(encoding="utf-8").splitlines()[0] == f"#!{sys.executable}"
        assert os.access(str(program), os.X_OK)
    # A python3 that must not be used stands first on PATH.
    trap = tmp_path / "python3"
    trap.write_text("#!/bin/sh\necho wrong interpreter\nexit 3\n")
    trap.chmod(0o755)
    environment = dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}")
    command = f". {install_space}/setup.sh && {install_space}/lib/rt_seg/make_recording --help"
    assert "usage: rosrun rt_seg make_recording" in run("bash", "-c", command, environment=environment)


def test_installed_code_and_messages_come_from_the_install_space(install_space, tmp_path):
    program = "import rt_seg.ros.node.status as status, rt_seg.msg as msg; print(status.__file__); print(msg.__file__)"
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "ROS_PACKAGE_PATH")}
    environment["CMAKE_PREFIX_PATH"] = ""
    command = f"cd {tmp_path} && . {install_space}/setup.sh && {sys.executable} -c '{program}'"
    for line in run("bash", "-c", command, environment=environment).splitlines():
        assert line.startswith(str(install_space)), line


def test_launch_files_settings_and_views_are_installed(install_space):
    share = install_space / "share" / "rt_seg"
    for name in ("package.xml", "launch/live.launch", "config/segmentation.yaml", "config/labels", "rviz/live.rviz"):
        assert (share / name).exists(), name


def test_all_that_lies_beside_the_code_is_installed_with_it(install_space):
    """Pages and their templates, lists of classes: whatever a module reads from its own folder."""
    (installed,) = {path.parent for path in install_space.glob("lib/python3*/*-packages/rt_seg")}
    for half in (PACKAGE / "src", PACKAGE / "training"):
        beside = [path for path in half.glob("rt_seg*/**/*") if path.is_file() and path.suffix not in (".py", ".pyc")]
        assert beside
        missing = [str(path) for path in beside if not (installed / path.relative_to(half)).is_file()]
        assert not missing
