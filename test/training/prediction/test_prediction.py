"""Images, videos and cameras in, masks and overlays out, with the shipped tabletop model."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from color_bundle import write_color_bundle  # noqa: E402

from rt_seg.bundle import load_bundle
from rt_seg.segmenter import load_segmenter
from rt_seg_training.commands import predict as predict_command
from rt_seg_training.prediction import prediction

BUNDLE = Path(__file__).parents[3] / "models" / "tabletop"


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
    return predict_command.main([str(BUNDLE), *map(str, arguments)])


def test_masks_are_the_segmenters_and_files_keep_their_place_in_the_folder(photos, tmp_path, capsys):
    output = tmp_path / "out"
    assert _run(photos, "--output", output) == 0
    made = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert made == ["a_mask.png", "a_overlay.jpg", "deep/b_mask.png", "deep/b_overlay.jpg", "predictions.jsonl"]
    mask = cv2.imread(str(output / "a_mask.png"), cv2.IMREAD_UNCHANGED)
    expected = load_segmenter(load_bundle(BUNDLE)).segment(cv2.cvtColor(_picture(1), cv2.COLOR_BGR2RGB)).mask
    np.testing.assert_array_equal(mask, expected)
    assert "2 made, 0 already there, 0 failed" in capsys.readouterr().out


def test_a_second_run_makes_only_what_is_missing(photos, tmp_path, capsys):
    output = tmp_path / "out"
    _run(photos, "--output", output)
    (output / "a_overlay.jpg").unlink()
    before = (output / "deep" / "b_overlay.jpg").stat().st_mtime_ns
    assert _run(photos, "--output", output) == 0
    assert (output / "a_overlay.jpg").exists()
    assert (output / "deep" / "b_overlay.jpg").stat().st_mtime_ns == before
    assert "1 made, 1 already there, 0 failed" in capsys.readouterr().out


def test_one_bad_picture_is_named_and_the_others_are_made(photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"not an image")
    assert _run(photos, "--output", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert f"{photos / 'broken.jpg'}: cannot be read as an image (unknown format)" in printed.err
    assert "2 made, 0 already there, 1 failed" in printed.out


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
    assert sorted(path.name for path in output.iterdir()) == ["clip_masks", "clip_overlay.mp4", "predictions.jsonl"]


def test_a_file_that_is_no_video_is_named_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    assert _run(tmp_path / "clip.mp4", "--output", tmp_path / "out") == 1
    assert "clip.mp4: no frame could be decoded" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.jsonl"]


@pytest.mark.parametrize(
    "names, message",
    [
        (["missing.png"], "missing.png: no such file or folder"),
        (["notes.txt"], "notes.txt: neither an image nor a video nor a bag; accepted are .png"),
        (["empty"], "empty: holds no images, videos or bags"),
        (["a.png", "a.jpg"], "would both be written to"),
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
    assert predict_command.main([str(tmp_path / "nothing"), str(photos)]) == 2
    assert "nothing: no such model bundle" in capsys.readouterr().err


def test_a_cameras_video_plays_at_the_pace_of_its_frames_and_ctrl_c_keeps_it(tmp_path):
    def frames():
        for seed in range(3):
            yield cv2.cvtColor(_picture(seed), cv2.COLOR_BGR2RGB), None
        raise KeyboardInterrupt

    # 0.1 s passes for each frame, as on a camera of 10 Hz; the clock is asked at the start and after each.
    times = iter([0.0, 0.1, 0.2, 0.3])
    predict = prediction.Predictor(BUNDLE, 0.5)
    prediction.record_camera(frames(), tmp_path / "out" / "camera0", predict, True, lambda: next(times) + 1e-6)
    video = cv2.VideoCapture(str(tmp_path / "out" / "camera0_overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) / video.get(cv2.CAP_PROP_FPS) == pytest.approx(0.3)
    assert len(list((tmp_path / "out" / "camera0_masks").iterdir())) == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["camera0_masks", "camera0_overlay.mp4"]


def test_what_breaks_off_the_video_of_a_camera_leaves_no_finished_video_and_names_what_there_is(tmp_path):
    predict = prediction.Predictor(BUNDLE, 0.5)

    def frames():
        for number in range(3):
            yield cv2.cvtColor(_picture(number), cv2.COLOR_BGR2RGB), None
        raise OSError("the camera is gone")

    target = tmp_path / "camera0"
    clock = iter([0.0, 0.1, 0.2, 0.3]).__next__
    with pytest.raises(prediction.PredictionError, match="is gone; the video up to there, 3 frames, is ") as caught:
        prediction.record_camera(frames(), target, predict, False, clock)
    (kept,) = tmp_path.glob("camera0*")
    assert kept.name == "camera0_overlay_interrupted.mp4" and kept.name in str(caught.value)
    assert cv2.VideoCapture(str(kept)).get(cv2.CAP_PROP_FRAME_COUNT) >= 3


@pytest.fixture
def deep(tmp_path):
    """A bundle that takes depth: nearer than 1 m is class 0, farther class 2, and without depth green is class 1."""
    return write_color_bundle(tmp_path / "deep_bundle", with_depth=True)


def test_the_depth_of_a_picture_is_that_of_its_name_and_its_folder_is_not_segmented(deep, tmp_path, capsys):
    room = tmp_path / "room"
    for folder in ("rgb", "depth", "gt"):
        (room / folder).mkdir(parents=True)
    green = np.full((48, 64, 3), (0, 200, 0), np.uint8)
    for name in ("a_rgb", "b", "c"):
        cv2.imwrite(str(room / "rgb" / f"{name}.png"), green)
    cv2.imwrite(str(room / "depth" / "a_depth.png"), np.full((48, 64), 600, np.uint16))
    cv2.imwrite(str(room / "depth" / "b.png"), np.full((48, 64), 3000, np.uint16))
    cv2.imwrite(str(room / "gt" / "a_mask.png"), np.zeros((48, 64), np.uint8))
    output = tmp_path / "out"
    assert predict_command.main([str(deep), str(room), "--output", str(output)]) == 0
    made = {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (output / "rgb").iterdir()}
    assert set(made) == {
        "a_rgb_mask.png", "a_rgb_overlay.jpg", "a_rgb_depth.png", "b_mask.png", "b_overlay.jpg", "b_depth.png",
        "c_mask.png", "c_overlay.jpg",
    }  # fmt: skip
    assert [int(made[f"{name}_mask.png"].max()) for name in ("a_rgb", "b", "c")] == [0, 2, 1]
    assert "takes depth, but 1 images had none" in capsys.readouterr().out
    assert _run(room / "rgb" / "b.png", "--output", tmp_path / "flat") == 0
    assert not (tmp_path / "flat" / "b_depth.png").exists(), "a model of RGB only looks at no depth"


def test_depth_that_is_not_aligned_is_named(deep, tmp_path, capsys):
    for folder, image in (("rgb", np.zeros((48, 64, 3), np.uint8)), ("depth", np.zeros((24, 32), np.uint16))):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.png"), image)
    assert predict_command.main([str(deep), str(tmp_path / "rgb"), "--output", str(tmp_path / "out")]) == 1
    assert "Depth must be aligned to colour" in capsys.readouterr().err


def test_a_camera_that_is_not_there_is_named(tmp_path, capsys):
    assert _run("97", "--output", tmp_path / "out") == 1
    assert "predict: webcam 97 cannot be opened" in capsys.readouterr().err


def test_binary_predict_refuses_a_bundle_of_more_classes_and_semantic_predict_takes_it(photos, tmp_path, capsys):
    arguments = [str(BUNDLE), str(photos / "a.png"), "--output", str(tmp_path / "out")]
    assert predict_command.main(arguments, "binary_predict", "binary") == 2
    assert "has 6 classes (background, peg, block" in capsys.readouterr().err
    assert predict_command.main(arguments, "semantic_predict", "semantic") == 0
    assert (tmp_path / "out" / "a_mask.png").is_file()
