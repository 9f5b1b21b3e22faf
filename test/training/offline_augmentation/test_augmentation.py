"""New frames from old: classes stay classes, distances distances, validation frames what they are."""

import dataclasses
import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from rt_seg_training.commands.augment import main
from rt_seg_training.datasets import labelled_frame
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.images import read_image
from rt_seg_training.datasets.labelled_frame import LabelledFrame, encode
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.offline_augmentation.composition import compose, paste_object, replace_background
from rt_seg_training.offline_augmentation.recipe import Recipe, RecipeError, load_recipe, recipe_from_dict
from rt_seg_training.offline_augmentation.transforms import affine, equalise, jitter_labelled, move, recolor, warp

OBJECTS = Path(__file__).parents[3] / "config" / "augmentation" / "objects.yaml"
IGNORE = 255
LABELS = "classes:\n- {id: 0, name: background, color: [0, 0, 0]}\n- {id: 1, name: part, color: [255, 0, 0]}\n"
LABELS += "- {id: 2, name: hole, color: [0, 255, 0]}\n"


def _frame(depth=1000, object_depth=500):
    """120x80: a part of 40x30 with a hole in it, in front of coloured noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    color = cv2.resize(coarse, (120, 80), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((80, 120), np.uint8)
    mask[20:50, 40:80] = 1
    mask[30:40, 50:60] = 2
    distance = np.full((80, 120), depth, np.uint16)
    distance[mask > 0] = object_depth
    return LabelledFrame(color, mask, distance)


def _empty(depth):
    return LabelledFrame(np.full((80, 120, 3), 7, np.uint8), np.zeros((80, 120), np.uint8), depth)


def test_moving_keeps_mask_color_and_depth_together_and_invents_no_value():
    frame = _frame()
    frame.color[frame.mask == 1] = (255, 0, 0)
    recipe = Recipe(shift=0.2, rotate=30, scale_min=0.7, scale_max=1.4, crop_min=0.7)
    for seed in range(20):
        moved = move(frame, recipe, np.random.default_rng(seed), IGNORE)
        assert set(np.unique(moved.mask)) <= {0, 1, 2, IGNORE}
        # Object and background are at two distances, divided by one scale.
        known = np.unique(moved.depth[moved.depth > 0])
        assert len(known) <= 2
        inside = cv2.erode((moved.mask == 1).astype(np.uint8), np.ones((7, 7))) > 0  # interpolation mixes the rim
        assert (moved.color[inside] == (255, 0, 0)).all()
        assert (moved.depth[moved.mask == IGNORE] == 0).all()


def test_a_shift_moves_by_whole_pixels_and_leaves_the_rim_unlabelled():
    frame = _frame()
    moved = warp(frame, affine((120, 80), (10, 5), 0.0, 1.0), 1.0, IGNORE)
    np.testing.assert_array_equal(moved.mask[5:, 10:], frame.mask[:-5, :-10])
    np.testing.assert_array_equal(moved.depth[5:, 10:], frame.depth[:-5, :-10])
    assert (moved.mask[:5] == IGNORE).all() and (moved.mask[:, :10] == IGNORE).all()
    assert moved.color[:5].std() > 0, "the rim is mirrored, not black"


def test_twice_the_size_is_half_the_distance():
    moved = warp(_frame(), affine((120, 80), (0, 0), 0.0, 2.0), 2.0, IGNORE)
    assert set(np.unique(moved.depth)) == {250, 500}
    assert (moved.mask == 1).sum() == pytest.approx(4 * (_frame().mask == 1).sum(), rel=0.1)


def test_an_empty_recipe_changes_nothing():
    frame = _frame()
    random = np.random.default_rng(0)
    same = recolor(move(frame, Recipe(), random, IGNORE), Recipe(), random, IGNORE)
    for before, after in zip(dataclasses.astuple(frame), dataclasses.astuple(same)):
        np.testing.assert_array_equal(before, after)


def test_label_jitter_leaves_background_and_ignored_pixels_bit_for_bit():
    frame = _frame()
    frame.mask[:10] = IGNORE
    color = jitter_labelled(frame.color, frame.mask, 0.5, np.random.default_rng(1), IGNORE)
    labelled = (frame.mask == 1) | (frame.mask == 2)
    np.testing.assert_array_equal(color[~labelled], frame.color[~labelled])
    assert np.abs(color[labelled].astype(int) - frame.color[labelled]).mean() > 5


def test_equalisation_spreads_the_brightness():
    dark = (_frame().color // 4).astype(np.uint8)
    assert equalise(dark).std() > 2 * dark.std()


@pytest.mark.parametrize(
    "setting",
    [{"brightness": 0.5}, {"blur": 5.0}, {"noise": 30.0}, {"jpeg_quality_min": 5}, {"equalise_share": 1.0},
     {"sunlight_share": 1.0}, {"glint_share": 1.0}, {"gamma": 0.5}, {"color_temperature": 0.3}],
)  # fmt: skip
def test_each_change_of_color_changes_colors_alone(setting):
    frame = _frame()
    changed = recolor(frame, Recipe(**setting), np.random.default_rng(3), IGNORE)
    assert (changed.color != frame.color).any()
    assert changed.mask is frame.mask and changed.depth is frame.depth


@pytest.mark.parametrize("object_depth, wins", [(500, True), (1500, False), (0, True)])
def test_the_nearer_wins(object_depth, wins):
    layer = _frame(object_depth=object_depth)
    result = compose(_empty(np.full((80, 120), 1000, np.uint16)), layer, layer.mask > 0)
    np.testing.assert_array_equal(result.mask, layer.mask if wins else np.zeros_like(layer.mask))
    assert ((result.color == 7).all(axis=2) == (result.mask == 0)).all()
    assert (result.depth[result.mask > 0] == object_depth).all()


def test_a_gap_in_the_depth_of_an_object_counts_as_being_where_the_object_is():
    layer = _frame(object_depth=1500)
    layer.depth[25:28, 45:48] = 0
    result = compose(_empty(np.full((80, 120), 1000, np.uint16)), layer, layer.mask > 0)
    assert not result.mask.any(), "the gap of a hidden object is hidden"


def test_a_hidden_object_does_not_show_through_the_gaps_of_the_depth_before_it():
    layer = _frame(object_depth=1500)
    depth = np.full((80, 120), 1000, np.uint16)
    depth[22:28, 45:60] = 0
    assert not compose(_empty(depth), layer, layer.mask > 0).mask.any()


def test_without_depth_the_object_lies_in_front():
    layer = dataclasses.replace(_frame(), depth=None)
    result = compose(_empty(None), layer, layer.mask > 0)
    np.testing.assert_array_equal(result.mask, layer.mask)
    assert result.depth is None
    with_depth = compose(_empty(np.full((80, 120), 9, np.uint16)), layer, layer.mask > 0)
    assert (with_depth.depth[layer.mask > 0] == 0).all()


def test_a_pasted_object_is_whole_scaled_and_as_much_nearer():
    scene = _empty(np.full((80, 120), 5000, np.uint16))
    recipe = Recipe(paste_scale_min=0.5, paste_scale_max=0.5, paste_rotate=0)
    places = set()
    for seed in range(10):
        result = paste_object(scene, _frame(), recipe, np.random.default_rng(seed), IGNORE)
        assert set(np.unique(result.depth[result.mask > 0])) <= {1000}
        places.add((result.mask > 0).tobytes())
        if {1, 2} <= set(np.unique(result.mask)):
            assert (result.mask == 2).sum() < (result.mask == 1).sum()
    assert len(places) > 5, "objects land in many places"


def test_a_donor_without_objects_leaves_the_scene():
    scene = _frame()
    assert paste_object(scene, _empty(None), Recipe(), np.random.default_rng(0), IGNORE) is scene


def test_another_background_keeps_the_object_and_takes_its_own_depth():
    background = LabelledFrame(np.full((160, 300, 3), 9, np.uint8), np.zeros((160, 300), np.uint8),
                               np.full((160, 300), 3000, np.uint16))  # fmt: skip
    frame = _frame()
    result = replace_background(frame, background, np.random.default_rng(0))
    np.testing.assert_array_equal(result.mask, frame.mask)
    np.testing.assert_array_equal(result.color[frame.mask > 0], frame.color[frame.mask > 0])
    assert (result.color[frame.mask == 0] == 9).all() and (result.depth[frame.mask == 0] == 3000).all()


@pytest.mark.parametrize(
    "text, message",
    [
        ("rotat: 3", "unknown key 'rotat'; did you mean 'rotate'?"),
        ("rotate: much", "rotate: 'much' must be a number"),
        ("rotate: 181", "rotate: 181.0 must be from 0 to 180"),
        ("{scale_min: 2, scale_max: 1}", "scale_min 2 is above scale_max 1"),
        ("background_share: 0.5", "needs backgrounds"),
        ("[1]", "expected a mapping"),
    ],
)
def test_a_recipe_that_cannot_be_meant_names_the_key(text, message):
    with pytest.raises(RecipeError) as error:
        recipe_from_dict(yaml.safe_load(text), "r.yaml")
    assert message in str(error.value) and str(error.value).startswith("r.yaml")


def test_the_shipped_recipe_can_be_read():
    assert load_recipe(OBJECTS).copies == 4


@pytest.fixture
def parts(tmp_path):
    folder = tmp_path / "parts"
    for kind in ("rgb", "gt", "depth"):
        (folder / kind).mkdir(parents=True)
    frame = _frame()
    for name in ("a", "b", "v"):
        (folder / "rgb" / f"{name}.png").write_bytes(encode(".png", frame.color))
        (folder / "gt" / f"{name}_mask.png").write_bytes(encode(".png", frame.mask))
        (folder / "depth" / f"{name}.png").write_bytes(encode(".png", frame.depth))
    (folder / "labels.yaml").write_text(LABELS)
    (folder / "splits.yaml").write_text("train: [a, b]\nvalidation: [v]\n")
    return folder


def _bytes(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_grown_set_is_a_custom_set_and_validation_is_left_alone(parts, tmp_path, capsys):
    output = tmp_path / "grown"
    assert main([str(parts), str(OBJECTS), "--output", str(output), "--copies", "3"]) == 0
    grown = read_custom(output)
    check_source(grown)
    assert [len(grown.splits[split]) for split in ("train", "validation")] == [8, 1]
    assert [pair.name for pair in grown.splits["validation"]] == ["v"]
    assert (output / "rgb" / "v.png").read_bytes() == (parts / "rgb" / "v.png").read_bytes()
    assert len(list((output / "depth").iterdir())) == 9
    assert cv2.imread(str(output / "contact_sheet.png")) is not None
    assert "6 new frames (6 made now)" in capsys.readouterr().out


def test_a_broken_off_run_goes_on_to_the_same_bytes_whatever_the_threads(parts, tmp_path, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([str(parts), str(OBJECTS), "--output", str(whole), "--jobs", "1"]) == 0
    assert main([str(parts), str(OBJECTS), "--output", str(broken), "--jobs", "3"]) == 0
    (broken / "rgb" / "a_new001.jpg").unlink()
    assert main([str(parts), str(OBJECTS), "--output", str(broken)]) == 0
    assert "8 new frames (1 made now)" in capsys.readouterr().out
    assert _bytes(whole) == _bytes(broken)


def test_two_recipes_are_not_mixed_and_strange_folders_not_touched(parts, tmp_path, capsys):
    output = tmp_path / "grown"
    assert main([str(parts), str(OBJECTS), "--output", str(output)]) == 0
    assert main([str(parts), str(OBJECTS), "--output", str(output), "--seed", "5"]) == 2
    assert "was started with a different recipe" in capsys.readouterr().err
    before = _bytes(parts)
    assert main([str(parts), str(OBJECTS), "--output", str(parts)]) == 2
    assert "was not made by augment" in capsys.readouterr().err
    assert _bytes(parts) == before


def test_a_broken_picture_is_named(parts, tmp_path, capsys):
    (parts / "depth" / "b.png").write_bytes(encode(".png", np.zeros((80, 120), np.uint8)))
    assert main([str(parts), str(OBJECTS), "--output", str(tmp_path / "grown")]) == 2
    assert "b.png: has 8 bits per pixel" in capsys.readouterr().err


def _grow(parts, output, *options):
    return main([str(parts), str(OBJECTS), "--output", str(output), "--copies", "2", "--jobs", "1", *options])


def _picture(parts, kind, name, image, **options):
    Image.fromarray(image).save(parts / kind / name, **options)


def test_a_picture_turned_by_exif_goes_with_the_mask_as_it_is_seen(parts, tmp_path, capsys):
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn to the right shows it upright
    upright = _frame().color
    _picture(parts, "rgb", "a.jpg", np.ascontiguousarray(np.rot90(upright)), exif=exif, quality=95)
    (parts / "rgb" / "a.png").unlink()
    assert _grow(parts, tmp_path / "grown") == 0, capsys.readouterr().err
    grown = read_custom(tmp_path / "grown")
    check_source(grown)
    assert (tmp_path / "grown" / "rgb" / "a.jpg").read_bytes() == (parts / "rgb" / "a.jpg").read_bytes()
    same = read_image(tmp_path / "grown" / "rgb" / "a.jpg").astype(int)
    assert same.shape == upright.shape and np.abs(same - upright).mean() < 3


@pytest.mark.parametrize("kind", ["palette", "16 bits", "three equal channels"])
def test_masks_of_other_kinds_mean_their_ids(parts, tmp_path, capsys, kind):
    mask = _frame().mask
    image = Image.fromarray(mask)
    if kind == "palette":
        image = Image.fromarray(mask, "P")
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    elif kind == "16 bits":
        image = Image.fromarray(mask.astype(np.uint16))
    else:
        image = Image.fromarray(np.dstack([mask] * 3))
    image.save(parts / "gt" / "a_mask.png")
    assert _grow(parts, tmp_path / "grown") == 0, capsys.readouterr().err
    written = cv2.imread(str(tmp_path / "grown" / "gt" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint8
    np.testing.assert_array_equal(written, mask)


def test_a_grey_picture_of_16_bits_keeps_its_shades(parts):
    grey = np.linspace(0, 65535, 80 * 120).reshape(80, 120).astype(np.uint16)
    _picture(parts, "rgb", "a.png", grey)
    np.testing.assert_array_equal(read_image(parts / "rgb" / "a.png")[..., 1], grey >> 8)


@pytest.mark.parametrize(
    "kind, name, content, message",
    [
        ("rgb", "a.png", b"no image", "a.png: cannot be read as an image"),
        ("rgb", "b.png", encode(".png", _frame().color)[:-300], "b.png: cannot be read as an image"),
        ("gt", "b_mask.png", encode(".png", _frame().mask[:40]), "b_mask.png"),
        ("depth", "a.png", encode(".png", np.ones((40, 60), np.uint16)), "a.png: is 60x40, but its image is 120x80"),
        ("gt", "a_mask.png", encode(".png", _frame().color), "a_mask.png: is a colour image"),
    ],
)
def test_what_cannot_be_read_or_does_not_fit_is_named(parts, tmp_path, capsys, kind, name, content, message):
    (parts / kind / name).write_bytes(content)
    before = _bytes(parts)
    assert _grow(parts, tmp_path / "grown") == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert _bytes(parts) == before
    for path in (tmp_path / "grown").rglob("*.png"):
        assert cv2.imread(str(path)) is not None, "what is written is whole"


def test_a_disk_that_fills_or_an_interruption_loses_no_file_and_the_same_command_goes_on(parts, tmp_path, monkeypatch):
    assert _grow(parts, tmp_path / "whole") == 0
    usual = labelled_frame.write_atomically
    for number, error in enumerate((OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt())):
        written = []

        def fails(path, data, written=written, error=error):
            written.append(path)
            if len(written) == 5:
                raise error
            usual(path, data)

        monkeypatch.setattr(labelled_frame, "write_atomically", fails)
        broken = tmp_path / f"broken{number}"
        assert _grow(parts, broken) == (130 if isinstance(error, KeyboardInterrupt) else 2)
        assert not list(broken.rglob("*.part"))
        monkeypatch.undo()
        assert _grow(parts, broken) == 0
        assert _bytes(broken) == _bytes(tmp_path / "whole")


def test_a_folder_that_cannot_be_made_is_one_line(parts, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert _grow(parts, tmp_path / "file" / "grown") == 2
    said = capsys.readouterr().err
    assert said.startswith("augment: ") and "Not a directory" in said and said.count("\n") == 1
