"""Ctrl-C and SIGTERM end a node wherever its main thread is."""

import os
import signal
import subprocess
import sys
import time

import pytest
from ros_master import free_port, start_master
from waiting import wait_for

pytest.importorskip("rosgraph", reason="ROS is not on the Python path")

ASKS = """
import rospy
from rt_seg.ros.launch_end import init_node
init_node("asks")
print("asking", flush=True)
while not rospy.is_shutdown():
    rospy.get_param("/asked", "")
"""


@pytest.fixture
def master():
    port = free_port()
    process = start_master(port)
    environment = {**os.environ, "ROS_MASTER_URI": f"http://localhost:{port}", "ROS_HOSTNAME": "localhost"}
    yield process, environment
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_that_waits_for_the_master_and_it_leaves_the_graph(master, number, tmp_path):
    process, environment = master
    log = tmp_path / "log.txt"
    with open(log, "wb") as output:
        node = subprocess.Popen([sys.executable, "-c", ASKS], env=environment, stdout=output,
                                stderr=subprocess.STDOUT)  # fmt: skip
    try:
        assert wait_for(lambda: b"asking" in log.read_bytes()), log.read_text()
        process.send_signal(signal.SIGSTOP)  # now each question stays without an answer
        time.sleep(0.3)
        node.send_signal(number)
        time.sleep(0.3)
        process.send_signal(signal.SIGCONT)
        assert node.wait(15) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
        listed = subprocess.run(["rosnode", "list"], env=environment, stdout=subprocess.PIPE, check=True)
        assert b"/asks" not in listed.stdout
    finally:
        node.kill()
