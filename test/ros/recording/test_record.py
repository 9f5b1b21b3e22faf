"""What the recorder asks of rosbag, and what it refuses."""

import argparse
from pathlib import Path

import pytest

from rt_seg.ros.recording.record import command, main


def options(**changes):
    values = {"output": Path("out/kitchen"), "camera": "camera", "seconds": 0, "split_size": 2000, "free": 1000,
              "compression": "none", "compressed": False, **changes}  # fmt: skip
    return argparse.Namespace(**values)


def test_a_recording_is_split_by_size_and_ends_before_the_disk_is_full():
    call = command(options(split_size=500, free=300, compression="lz4"))
    assert {"--split", "--size=500", "--min-space=300M", "--lz4"} <= set(call)
    assert call[-4:] == [f"/camera/{topic}" for topic in ("color/image_raw", "color/camera_info",
                         "aligned_depth_to_color/image_raw", "aligned_depth_to_color/camera_info")]  # fmt: skip


def test_compressed_topics_are_recorded_in_place_of_the_raw_ones():
    call = command(options(compressed=True, camera="/front/", seconds=5))
    assert {"/front/color/image_raw/compressed", "/front/aligned_depth_to_color/image_raw/compressedDepth"} <= set(call)
    assert "--duration=5" in call and "/front/color/image_raw" not in call


@pytest.mark.parametrize("name", ["kitchen_3.bag", "kitchen_3.bag.active", "kitchen.mcap", "kitchen.mcap.part"])
def test_what_is_there_already_is_not_overwritten(tmp_path, capsys, name):
    (tmp_path / name).touch()
    assert main([str(tmp_path / "kitchen")]) == 2
    assert f"{name} already exists; choose another name" in capsys.readouterr().err


def test_a_disk_that_is_full_already_is_named_before_anything_starts(tmp_path, capsys):
    assert main([str(tmp_path / "kitchen"), "--free", "1000000000"]) == 2
    assert "MB free in" in capsys.readouterr().err


def test_a_recording_cannot_end_after_a_time_and_be_split(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["recordings/kitchen", "--seconds", "60", "--split-size", "1000"])
    assert ended.value.code == 2
    assert "--seconds writes one bag and --split-size several" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--compression", "lz4"], ["--split-size", "100"]])
def test_an_option_that_mcap_does_not_take_is_refused(capsys, option):
    with pytest.raises(SystemExit) as ended:
        main(["recordings/kitchen", "--format", "mcap", *option])
    assert ended.value.code == 2
    assert "--split-size and --compression are for bags" in capsys.readouterr().err
