"""Arguments of live.launch that name files: relative to the caller's folder, checked before anything starts."""

from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.launch_arguments import DEMO, faults, main


def test_paths_are_relative_to_the_callers_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PWD", str(tmp_path))
    assert caller_path("clip.mp4") == tmp_path / "clip.mp4"
    assert str(caller_path("/a/b")) == "/a/b"
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(caller_path("~/x")) == "/home/somebody/x"


def test_files_that_are_there_are_no_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("PWD", str(tmp_path))
    for name in ("clip.mp4", "my.bag", "scene.yaml", "kitchen_0.bag"):
        (tmp_path / name).touch()
    assert faults({"camera": "video", "video": "clip.mp4", "calibration": ""}) == []
    assert faults({"camera": "recording", "recording": "my.bag"}) == []
    assert faults({"camera": "recording", "recording": "kitchen"}) == []  # the parts of a split one
    assert faults({"camera": "recording", "recording": DEMO}) == []
    assert faults({"camera": "simulated", "recipe": "scene.yaml", "video": "of another camera"}) == []


def test_a_missing_file_is_named_with_the_folder_that_was_looked_in(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PWD", str(tmp_path))
    assert main(["camera:=video", "video:=clip.mp4"]) == 2
    assert f"video:=clip.mp4: no such file: {tmp_path / 'clip.mp4'}" in capsys.readouterr().err
    assert main(["camera:=video", "video:="]) == 2
    assert "camera:=video needs video:=" in capsys.readouterr().err
    assert main(["camera:=webcam", "calibration:=none.yaml"]) == 2
    assert "none.yaml" in capsys.readouterr().err
