"""live.launch as a user runs it: from any folder, to its end, and through the death of the node."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

rospkg = pytest.importorskip("rospkg", reason="ROS is not on the Python path")
try:
    rospkg.RosPack().get_path("rt_seg")
except rospkg.ResourceNotFound:
    pytest.skip("the workspace is not sourced", allow_module_level=True)

import rosgraph  # noqa: E402
from ros_master import free_port  # noqa: E402

PACKAGE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    from rt_seg.ros.recording.bag_writer import write_recording
    from rt_seg.simulation import simulate_recording
    from rt_seg.simulation.classes import tabletop_labels

    path = tmp_path_factory.mktemp("recording") / "short.bag"
    write_recording(simulate_recording(1, 12, 10.0), path, tabletop_labels())
    return path


class Run:
    """roslaunch with a master of its own, in a folder."""

    def __init__(self, folder, *arguments, launcher=("roslaunch",)):
        self.uri = f"http://localhost:{free_port()}"
        environment = dict(
            os.environ, PWD=str(folder), ROS_MASTER_URI=self.uri, ROS_HOSTNAME="localhost", PYTHONUNBUFFERED="1"
        )
        environment.pop("DISPLAY", None)
        self.output = folder / "output.txt"
        self.file = self.output.open("wb")
        command = [*launcher, "rt_seg", "live.launch", *arguments]
        self.process = subprocess.Popen(command, cwd=str(folder), env=environment, stdout=self.file,
                                        stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip

    @property
    def text(self):
        return self.output.read_text(errors="replace")

    def wait(self, timeout=120):
        try:
            return self.process.wait(timeout)
        finally:
            self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.file.close()

    def until(self, happened, timeout=90):
        """Seconds until `happened()` is true; its exceptions mean not yet."""
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            assert self.process.poll() is None, self.text
            try:
                if happened():
                    return time.monotonic() - start
            except (OSError, rosgraph.MasterException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"not within {timeout} s:\n{self.text}")

    def process_ids(self, word):
        """Of this launch's processes whose command has a word."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes().decode("utf-8", "replace")
                environment = (path / "environ").read_bytes().decode("utf-8", "replace")
                if word in command and f"ROS_MASTER_URI={self.uri}" in environment.split("\0"):
                    found.append(int(path.name))
            except OSError:
                continue
        return found


@pytest.mark.slow
def test_a_relative_recording_plays_to_the_end_without_a_word_in_red(tmp_path, recording):
    (tmp_path / "short.bag").symlink_to(recording)
    run = Run(tmp_path, "recording:=short.bag", "snapshot:=last.png")
    assert run.wait() == 0, run.text
    assert "has died" not in run.text and "REQUIRED" not in run.text
    assert "12 framesets played" in run.text
    assert re.search(r"mIoU 0\.\d+ over \d+ frames", run.text), run.text
    assert (tmp_path / "last.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("argument", ["recording:=none.bag", "bundle:=none"])
def test_what_is_not_there_ends_make_live_with_the_reason_and_an_exit_code(tmp_path, argument):
    run = Run(tmp_path, argument, "viewer:=none", launcher=(sys.executable, str(PACKAGE / "make" / "launch.py")))
    assert run.wait() == 1
    assert re.search(r"none(\.bag)?\b.*no ", run.text), run.text
    assert "Traceback" not in run.text


@pytest.mark.slow
def test_a_broken_recording_fails_make_live(tmp_path):
    (tmp_path / "cut.bag").write_bytes(b"#ROSBAG V2.0\n cut")
    launcher = (sys.executable, str(PACKAGE / "make" / "launch.py"))
    run = Run(tmp_path, "recording:=cut.bag", "viewer:=none", launcher=launcher)
    assert run.wait() == 1
    assert "cut.bag: cannot be played" in run.text


@pytest.mark.slow
def test_cameras_that_cannot_be_started_fail_make_live_with_the_reason_alone(tmp_path):
    (tmp_path / "mine.yaml").write_text("cameras: 3\n")
    launcher = (sys.executable, str(PACKAGE / "make" / "launch.py"))
    run = Run(tmp_path, "camera:=several", "cameras:=mine.yaml", "viewer:=status", launcher=launcher)
    assert run.wait() == 1, run.text
    assert "mine.yaml: cameras" in run.text
    # Neither of the node that ended the launch, nor of those that were still starting.
    assert "Traceback" not in run.text, run.text


@pytest.mark.slow
def test_a_killed_node_comes_back_with_its_model_and_the_driver_stays(tmp_path, recording):
    (tmp_path / "short.bag").symlink_to(recording)
    run = Run(tmp_path, "recording:=short.bag", "loop:=true", "viewer:=none")
    try:
        master = rosgraph.Master("/test", master_uri=run.uri)
        run.until(lambda: master.lookupService("/segmentation/load_model"))
        driver, node = run.process_ids("rt_seg/replay"), run.process_ids("segmentation_node")
        assert len(driver) == 1 and len(node) == 1
        call = ["rosservice", "call", "/segmentation/load_model", "bundle: 'polehole'"]
        environment = dict(os.environ, ROS_MASTER_URI=run.uri, ROS_HOSTNAME="localhost")
        answer = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=60)
        assert b"success: True" in answer.stdout, answer.stdout
        before = run.text.count("model polehole")
        os.kill(node[0], signal.SIGKILL)
        took = run.until(lambda: run.text.count("model polehole") > before)
        print(f"back after {took:.1f} s")
        assert took < 15.0  # 3 s where the machine has nothing else to do
        assert run.process_ids("rt_seg/replay") == driver
        assert "REQUIRED" not in run.text
    finally:
        run.end()
