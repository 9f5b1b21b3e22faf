"""Many bags by several processes: the same bytes as by one, though a worker is killed; and what each bag shows."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from color_bundle import write_color_bundle
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

from rt_seg.labels import labels_from_dict
from rt_seg_training.commands import predict as predict_command
from rt_seg_training.prediction.bag_summary import BagSummary
from rt_seg_training.prediction.bag_workers import Work, predictor_of_one_thread

STORE = get_typestore(Stores.ROS1_NOETIC)
IMAGE = "sensor_msgs/msg/Image"
ROOT = Path(__file__).parents[3]
LABELS = labels_from_dict(
    {"classes": [{"id": i, "name": n, "color": [i * 50, 9, 9]} for i, n in enumerate(("floor", "a<b"))]}, "test"
)


def write_bag(path, seed, count=4):
    with Writer(path) as writer:
        color = writer.add_connection("/camera/color/image_raw", IMAGE, typestore=STORE)
        for number in range(count):
            stamp = STORE.types["builtin_interfaces/msg/Time"](100 + number, 0)
            header = STORE.types["std_msgs/msg/Header"](number, stamp, "optical")
            pixels = np.random.default_rng([seed, number]).integers(0, 256, 48 * 64 * 3, np.uint8)
            message = STORE.types[IMAGE](header, 48, 64, "rgb8", 0, 192, pixels)
            writer.write(color, (100 + number) * 10**9, STORE.serialize_ros1(message, IMAGE))


@pytest.fixture
def bags(tmp_path):
    (tmp_path / "bags").mkdir()
    for seed in range(4):
        write_bag(tmp_path / "bags" / f"{seed}.bag", seed)
    return tmp_path / "bags"


def results(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*_segmented.bag"))}


@pytest.mark.slow
def test_two_workers_make_the_bytes_of_one_and_a_killed_one_is_replaced(bags, tmp_path):
    bundle = write_color_bundle(tmp_path / "color")
    assert predict_command.main([str(bundle), str(bags), "--output", str(tmp_path / "one")]) == 0
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}, {str(ROOT / 'training')!r}]\n"
        "from rt_seg_training.commands.predict import main\nif __name__ == '__main__': sys.exit(main())\n"
    )
    script = tmp_path / "predict.py"
    script.write_text(program)
    command = [sys.executable, str(script), str(bundle), str(bags), "--output", str(tmp_path / "two"), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    killed = None
    deadline = time.monotonic() + 60
    while killed is None and time.monotonic() < deadline and process.poll() is None:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            line = Path(f"/proc/{child}/cmdline")
            if line.exists() and b"spawn_main" in line.read_bytes():
                os.kill(int(child), signal.SIGKILL)
                killed = child
                break
        time.sleep(0.02)
    output = process.communicate(timeout=240)[0]
    assert killed is not None, output
    assert process.returncode == 0, output
    assert "4 made, 0 already there, 0 failed" in output
    assert results(tmp_path / "two") == results(tmp_path / "one") and len(results(tmp_path / "one")) == 4


def test_a_summary_is_written_beside_each_bag_and_done_bags_are_left_alone(bags, tmp_path, capsys):
    bundle = write_color_bundle(tmp_path / "color")
    command = [str(bundle), str(bags / "0.bag"), "--output", str(tmp_path / "out"), "--summary"]
    assert predict_command.main(command) == 0
    summary = json.loads((tmp_path / "out" / "0_summary.json").read_text())
    assert (summary["images"], summary["seconds"]) == (4, 3.0)
    assert sum(summary["mean_shares"].values()) == pytest.approx(1.0, abs=1e-3)
    rows = list(csv.DictReader((tmp_path / "out" / "0_summary.csv").read_text().splitlines()))
    assert [int(row["time_ns"]) for row in rows] == [(100 + number) * 10**9 for number in range(4)]
    assert (tmp_path / "out" / "0_summary.html").read_text().count("data:image/jpeg;base64,") == 4
    assert predict_command.main(command) == 0
    assert "0 made, 1 already there" in capsys.readouterr().out


def test_spans_of_doubt_join_what_is_near_and_names_are_escaped(tmp_path):
    summary = BagSummary("x.bag", LABELS, 6)
    for second, confidence in enumerate((0.9, 0.5, 0.6, 0.9, 0.9, 0.2)):
        mask = np.full((4, 4), second % 2, np.uint8)
        summary.add(second * 10**9, mask, np.zeros((4, 4, 3), np.uint8), confidence)
    assert summary.unsure_spans() == [(1.0, 2.0), (5.0, 5.0)]
    summary.write(tmp_path / "x")
    assert "a&lt;b" in (tmp_path / "x_summary.html").read_text()


def test_bags_on_beam_are_the_bytes_of_one_process_and_a_bad_one_is_named(bags, tmp_path, capsys):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed: pip install -r requirements-beam.txt")
    bundle = write_color_bundle(tmp_path / "color")
    assert predict_command.main([str(bundle), str(bags), "--output", str(tmp_path / "one")]) == 0
    (bags / "bad.bag").write_bytes(b"#ROSBAG V2.0\n")
    (bags / "a_folder" / "below").mkdir(parents=True)
    write_bag(bags / "a_folder" / "below" / "9.bag", 9)
    beam = [str(bundle), str(bags), "--output", str(tmp_path / "beam"), "--beam-runner", "DirectRunner", "--summary"]
    assert predict_command.main(beam) == 1
    assert "bad.bag" in capsys.readouterr().err
    assert results(tmp_path / "beam") == results(tmp_path / "one")
    assert (tmp_path / "beam" / "0_summary.json").is_file()
    assert predict_command.main(beam) == 1
    assert "0 made, 5 already there, 1 failed" in capsys.readouterr().out


def test_a_runner_that_is_not_there_is_named(bags, tmp_path, capsys):
    bundle = write_color_bundle(tmp_path / "color")
    command = [str(bundle), str(bags), "--output", str(tmp_path / "out"), "--beam-runner", "NoRunner"]
    assert predict_command.main(command) == 2
    assert "--beam-runner NoRunner: Apache Beam " in capsys.readouterr().err


def test_a_worker_has_a_network_of_one_thread(tmp_path):
    predictor = predictor_of_one_thread(Work(write_color_bundle(tmp_path / "color"), 0.5, None, None, False))
    compiled = predictor.segmenter._engine._request.get_compiled_model()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
