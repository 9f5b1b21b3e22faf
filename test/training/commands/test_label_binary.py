"""Automatic masks: from depth, from an empty scene, from a model, from the frame before."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg_training.commands.label_binary import main
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.labelled_frame import encode
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.labelling.depth_plane import PlaneError, StandingOutSettings, dominant_plane, label_by_depth
from rt_seg_training.labelling.refinement import refine

pytestmark = pytest.mark.rendering
ROOT = Path(__file__).resolve().parents[3]
AEROPLANE = Path(os.environ.get("RT_SEG_DATA") or ROOT.parent / "shared" / "data") / "realsense_d435"
POLYGONS = json.loads((Path(__file__).parent / "aeroplane_polygons.json").read_text())
"""Outlines of the aeroplane, drawn by hand: name of the frame → corners (x, y)."""

FOCAL = 600.0


def _scene(object_mm=1500, normal=(0.2, -0.3, 1.0), seed=0):
    """(480, 640) uint16 mm: a tilted plane 2 m away with noise and holes, a box before it, and furniture at the border.

    Returns depth and the box as (480, 640) bool.
    """
    random = np.random.default_rng(seed)
    rows, columns = np.indices((480, 640))
    inverse = (normal[0] * (columns - 320) / FOCAL + normal[1] * (rows - 240) / FOCAL + normal[2]) / 2.0
    depth = 1000.0 / inverse
    depth += random.normal(0, 1, depth.shape) * 0.003 * (depth / 1000) ** 2 * 1000
    box = np.zeros((480, 640), bool)
    box[180:280, 300:420] = True
    depth[box] = object_mm
    depth[400:, :200] = 900
    depth[random.random(depth.shape) < 0.1] = 0
    return np.rint(depth).astype(np.uint16), box


def _iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.2, -0.3, 1.0), (-0.5, 0.5, 0.8)])
def test_what_stands_before_a_tilted_plane_is_labelled_and_furniture_at_the_rim_is_not(normal):
    depth, box = _scene(object_mm=900, normal=normal)
    mask = label_by_depth(depth, StandingOutSettings())
    known = box & (depth > 0)
    assert _iou(mask > 0, known) > 0.85
    assert not mask[400:, :200].any()


def test_the_plane_is_the_one_of_the_scene():
    depth, _ = _scene()
    plane = dominant_plane(depth, StandingOutSettings())
    expected = np.array([0.1 / FOCAL, -0.15 / FOCAL, 0.5 - 0.1 * 320 / FOCAL + 0.15 * 240 / FOCAL])
    np.testing.assert_allclose(plane @ [500, 100, 1], expected @ [500, 100, 1], rtol=0.005)
    np.testing.assert_allclose(plane @ [100, 400, 1], expected @ [100, 400, 1], rtol=0.005)


def test_furniture_at_the_rim_is_kept_on_demand():
    depth, box = _scene()
    mask = label_by_depth(depth, StandingOutSettings(at_border=True, objects=0))
    assert mask[430:450, 50:150].mean() > 0.7 and mask[box].mean() > 0.7


def test_nothing_stands_out_of_a_bare_plane():
    depth, box = _scene()
    depth[box] = 0
    depth[400:, :200] = 0
    assert not label_by_depth(depth, StandingOutSettings()).any()


def test_a_blind_depth_image_is_an_error():
    with pytest.raises(PlaneError, match="fewer than 1 %"):
        label_by_depth(np.zeros((480, 640), np.uint16), StandingOutSettings())


def test_refinement_brings_the_edge_to_the_edge_in_the_picture():
    random = np.random.default_rng(0)
    color = random.normal(180, 6, (120, 160, 3))
    truth = np.zeros((120, 160), np.uint8)
    truth[30:90, 40:120] = 1
    color[truth > 0] = random.normal(60, 6, (np.count_nonzero(truth), 3))
    color = np.clip(color, 0, 255).astype(np.uint8)
    small = cv2.erode(truth, np.ones((11, 11), np.uint8))
    assert _iou(small > 0, truth > 0) < 0.75
    refined = refine(color, small, 9)
    assert _iou(refined > 0, truth > 0) > 0.97
    np.testing.assert_array_equal(refined, refine(color, small, 9))
    assert refine(color, small, 0) is small


@pytest.fixture
def captures(tmp_path):
    """Two images of 640x480 with depth, the object red before grey."""
    folder = tmp_path / "captures"
    for kind in ("color", "depth"):
        (folder / kind).mkdir(parents=True)
    for number in range(2):
        depth, box = _scene(seed=number)
        color = np.full((480, 640, 3), 120, np.uint8)
        cv2.imwrite(str(tmp_path / "empty.png"), color)
        color[box] = (200, 30, 30)
        (folder / "color" / f"{number:03d}.png").write_bytes(encode(".png", color))
        (folder / "depth" / f"{number:03d}.png").write_bytes(encode(".png", depth))
    return folder


def _masks(folder):
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((folder / "gt").iterdir())]


def test_the_result_is_a_custom_set_with_depth_and_a_contact_sheet(captures, tmp_path, capsys):
    output = tmp_path / "set"
    assert main([str(captures), "--auto", "depth", "--output", str(output), "--name", "box"]) == 0
    source = read_custom(output)
    check_source(source)
    assert source.labels.names == ["background", "box"]
    assert sorted(path.name for path in (output / "depth").iterdir()) == ["000.png", "001.png"]
    for mask in _masks(output):
        assert _iou(mask > 0, _scene()[1]) > 0.95, "refined to the colour's edge"
    assert cv2.imread(str(output / "contact_sheet.png")) is not None
    assert "2 masks made, 0 already there" in capsys.readouterr().out


def test_masks_that_are_there_stay(captures, tmp_path, capsys):
    output = tmp_path / "set"
    command = [str(captures), "--auto", "depth", "--output", str(output)]
    assert main(command) == 0
    corrected = encode(".png", np.ones((480, 640), np.uint8))
    (output / "gt" / "000.png").write_bytes(corrected)
    (output / "gt" / "001.png").unlink()
    assert main(command) == 0
    assert "1 masks made, 1 already there" in capsys.readouterr().out
    assert (output / "gt" / "000.png").read_bytes() == corrected
    assert main([*command, "--overwrite"]) == 0
    assert (output / "gt" / "000.png").read_bytes() != corrected


def test_an_empty_scene_shows_the_object(captures, tmp_path):
    output = tmp_path / "set"
    command = [str(captures), "--auto", "background", "--output", str(output), "--refine", "0"]
    assert main([*command, "--empty", str(tmp_path / "empty.png")]) == 0
    for mask in _masks(output):
        assert _iou(mask > 0, _scene()[1]) > 0.9


def test_a_model_proposes_its_own_objects(tmp_path):
    from rt_seg.bundle import load_bundle
    from rt_seg.segmenter import load_segmenter
    from rt_seg.simulation import simulate_scene

    frame = simulate_scene(3)
    (tmp_path / "rgb").mkdir()
    (tmp_path / "rgb" / "a.png").write_bytes(encode(".png", frame.color))
    bundle = ROOT / "models" / "tabletop"
    command = [str(tmp_path), "--auto", "bundle", "--bundle", str(bundle), "--refine", "0", "--at-border"]
    assert main([*command, "--objects", "0", "--min-area", "0.0001"]) == 0
    found = load_segmenter(load_bundle(bundle)).segment(frame.color).mask
    (mask,) = _masks(tmp_path)
    assert _iou(mask > 0, (found != 0) & (found != 255)) > 0.9


def test_a_model_that_takes_depth_is_given_that_of_the_picture(tmp_path):
    from color_bundle import write_color_bundle

    red = np.full((48, 64, 3), (200, 0, 0), np.uint8)  # of the first class, by RGB only
    depth = np.zeros((48, 64), np.uint16)
    depth[16:32, 16:48] = 2500
    for folder, image in (("rgb", red), ("depth", depth)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(encode(".png", image))
    bundle = write_color_bundle(tmp_path / "bundle", with_depth=True)
    command = [str(tmp_path), "--auto", "bundle", "--bundle", str(bundle), "--refine", "0", "--min-area", "0.0001"]
    assert main(command) == 0
    (mask,) = _masks(tmp_path)
    assert _iou(mask > 0, depth > 0) > 0.6


def test_a_picture_without_object_or_depth_is_named_and_gets_no_mask(captures, tmp_path, capsys):
    (captures / "depth" / "000.png").unlink()
    depth, box = _scene()
    depth[box] = 0
    (captures / "depth" / "001.png").write_bytes(encode(".png", depth))
    output = tmp_path / "set"
    assert main([str(captures), "--auto", "depth", "--output", str(output)]) == 1
    printed = capsys.readouterr()
    assert "depth/000.png not found" in printed.err and "001.png: no object found" in printed.err
    assert "2 images without" in printed.out
    assert not (output / "gt").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--auto", "background"], "needs --empty"),
        (["--auto", "bundle"], "needs --bundle"),
        (["--auto", "bundle", "--bundle", "/nowhere"], "/nowhere"),
        (["--auto", "depth", "--min-height", "0"], "--min-height"),
    ],
)
def test_what_is_missing_is_said(captures, capsys, options, message):
    assert main([str(captures), *options]) == 2
    assert message in capsys.readouterr().err


def test_other_classes_are_not_overwritten(captures, capsys):
    (captures / "labels.yaml").write_text(
        "classes:\n- {id: 0, name: a, color: [0, 0, 0]}\n- {id: 1, name: b, color: [1, 1, 1]}\n"
    )
    assert main([str(captures), "--auto", "depth", "--name", "object"]) == 2
    assert "has the classes a, b" in capsys.readouterr().err


@pytest.mark.skipif(not AEROPLANE.is_dir(), reason=f"real data: {AEROPLANE} is not there; set RT_SEG_DATA")
@pytest.mark.parametrize("refine_width, least", [(0, 0.80), (10, 0.90)])
def test_the_aeroplane_of_a_real_d435_is_labelled_as_by_hand(refine_width, least):
    for name, corners in POLYGONS.items():
        depth = cv2.imread(str(AEROPLANE / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        color = cv2.cvtColor(cv2.imread(str(AEROPLANE / "color" / f"{name}.jpg")), cv2.COLOR_BGR2RGB)
        mask = refine(color, label_by_depth(depth, StandingOutSettings()), refine_width)
        by_hand = cv2.fillPoly(np.zeros(depth.shape, np.uint8), [np.array(corners, np.int32)], 1)
        assert _iou(mask > 0, by_hand > 0) >= least, name


def test_masks_made_by_hand_are_carried_on_to_the_frames_after_them(captures, tmp_path, capsys):
    (captures / "gt").mkdir()
    (captures / "gt" / "000.png").write_bytes(encode(".png", _scene()[1].astype(np.uint8)))
    assert main([str(captures), "--auto", "propagate"]) == 0, "where there is a mask, that stays"
    assert _iou(_masks(captures)[1] > 0, _scene()[1]) > 0.97
    assert main([str(captures), "--output", str(tmp_path / "set"), "--auto", "propagate"]) == 1
    said = capsys.readouterr().err
    assert "000.png: no mask to propagate, because it is the first frame" in said
    assert "001.png: no mask to propagate, because the previous frame, 000, has none" in said


@pytest.mark.skipif(not AEROPLANE.is_dir(), reason=f"real data: {AEROPLANE} is not there; set RT_SEG_DATA")
def test_one_mask_by_hand_labels_the_film_of_a_real_d435(tmp_path):
    """Every sixth frame, so that the camera moves far between them."""
    for name in ("rgb", "gt"):
        (tmp_path / name).mkdir()
    for number in range(0, 49, 6):
        (tmp_path / "rgb" / f"{number:06d}.jpg").write_bytes((AEROPLANE / "color" / f"{number:06d}.jpg").read_bytes())
    by_hand = {
        name: cv2.fillPoly(np.zeros((480, 640), np.uint8), [np.array(corners, np.int32)], 1)
        for name, corners in POLYGONS.items()
    }
    (tmp_path / "gt" / "000000.png").write_bytes(encode(".png", by_hand["000000"]))
    assert main([str(tmp_path), "--auto", "propagate"]) == 0
    found = cv2.imread(str(tmp_path / "gt" / "000024.png"), cv2.IMREAD_UNCHANGED)
    assert _iou(found > 0, by_hand["000024"] > 0) > 0.85
    found = cv2.imread(str(tmp_path / "gt" / "000048.png"), cv2.IMREAD_UNCHANGED)
    assert _iou(found > 0, by_hand["000049"] > 0) > 0.80, "a frame earlier than the one labelled by hand"
