"""Pictures and videos in, masks and overlays out, with the shipped tabletop model."""
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.bundle import load_bundle
from rt_seg.segmenter import Segmenter
from rt_seg_training import prediction

BUNDLE = Path(__file__).parents[2] / "models" / "tabletop"


def _picture(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    cv2.imwrite(str(folder / "a.png"), _picture(1))
    cv2.imwrite(str(folder / "deep" / "b.png"), _picture(2))
    return folder


def _run(*arguments):
    return prediction.main([str(BUNDLE), *map(str, arguments)])


def test_masks_are_the_segmenters_and_files_keep_their_place_in_the_folder(photos, tmp_path, capsys):
    output = tmp_path / "out"
    assert _run(photos, "--output", output) == 0
    made = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert made == ["a_mask.png", "a_overlay.jpg", "deep/b_mask.png", "deep/b_overlay.jpg"]
    mask = cv2.imread(str(output / "a_mask.png"), cv2.IMREAD_UNCHANGED)
    expected = Segmenter(load_bundle(BUNDLE)).segment(cv2.cvtColor(_picture(1), cv2.COLOR_BGR2RGB)).mask
    np.testing.assert_array_equal(mask, expected)
    assert "2 made, 0 were there, 0 failed" in capsys.readouterr().out


def test_a_second_run_makes_only_what_is_missing(photos, tmp_path, capsys):
    output = tmp_path / "out"
    _run(photos, "--output", output)
    (output / "a_overlay.jpg").unlink()
    before = (output / "deep" / "b_overlay.jpg").stat().st_mtime_ns
    assert _run(photos, "--output", output) == 0
    assert (output / "a_overlay.jpg").exists()
    assert (output / "deep" / "b_overlay.jpg").stat().st_mtime_ns == before
    assert "1 made, 1 were there, 0 failed" in capsys.readouterr().out


def test_one_bad_picture_is_named_and_the_others_are_made(photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"not a picture")
    assert _run(photos, "--output", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert f"{photos / 'broken.jpg'}: cannot be decoded as a picture" in printed.err
    assert "2 made, 0 were there, 1 failed" in printed.out


def test_a_video_gives_an_overlay_video_of_as_many_frames_and_the_masks_if_asked(tmp_path):
    source = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (160, 120))
    for seed in range(3):
        writer.write(_picture(seed))
    writer.release()
    output = tmp_path / "out"
    assert _run(source, "--output", output, "--video-masks") == 0
    result = cv2.VideoCapture(str(output / "clip_overlay.mp4"))
    assert int(result.get(cv2.CAP_PROP_FRAME_COUNT)) == 3
    assert result.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    assert sorted(path.name for path in (output / "clip_masks").iterdir()) == ["000000.png", "000001.png", "000002.png"]
    assert sorted(path.name for path in output.iterdir()) == ["clip_masks", "clip_overlay.mp4"]


def test_a_file_that_is_no_video_is_named_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    assert _run(tmp_path / "clip.mp4", "--output", tmp_path / "out") == 1
    assert "clip.mp4: no frame of it can be decoded as a video" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "names, message",
    [
        (["missing.png"], "missing.png: no such file or folder"),
        (["notes.txt"], "notes.txt: neither a picture nor a video; accepted are .png"),
        (["empty"], "empty: holds no pictures or videos"),
        (["a.png", "a.jpg"], "would both give"),
    ],
)
def test_sources_that_cannot_be_meant_are_named(tmp_path, capsys, names, message):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), _picture(1))
    cv2.imwrite(str(tmp_path / "a.jpg"), _picture(1))
    assert _run(*(tmp_path / name for name in names), "--output", tmp_path / "out") == 2
    assert message in capsys.readouterr().err


def test_a_missing_bundle_is_named(photos, tmp_path, capsys):
    assert prediction.main([str(tmp_path / "nothing"), str(photos)]) == 2
    assert "nothing: no such model bundle" in capsys.readouterr().err
