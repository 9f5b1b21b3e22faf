"""What lint_dataset finds."""

import cv2
import numpy as np
import pytest
import yaml

from rt_seg_training.commands.lint_dataset import main
from rt_seg_training.datasets.linting import nearest

CLASSES = [{"id": i, "name": name, "color": [60 * i] * 3} for i, name in enumerate(("floor", "peg", "hole"))]
NAMES = [f"{number:03d}" for number in range(12)]


@pytest.fixture
def pegs(tmp_path):
    """Twelve frames that are unlike each other, nine for training; every class in each."""
    folder = tmp_path / "pegs"
    for name in ("rgb", "gt"):
        (folder / name).mkdir(parents=True)
    (folder / "labels.yaml").write_text(yaml.safe_dump({"classes": CLASSES}))
    (folder / "splits.yaml").write_text(yaml.safe_dump({"train": NAMES[:9], "validation": NAMES[9:]}))
    random = np.random.default_rng(0)
    for name in NAMES:
        picture = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "rgb" / f"{name}.png"), picture)
        mask = np.zeros((48, 64), np.uint8)
        mask[:20], mask[40:] = 1, 2
        cv2.imwrite(str(folder / "gt" / f"{name}.png"), mask)
    return folder


def rewrite(folder, name, change):
    path = str(folder / "gt" / f"{name}.png")
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    cv2.imwrite(path, change(mask))


def run(folder, capsys, *options):
    code = main(["custom", str(folder), *options])
    return code, capsys.readouterr().out


def test_a_sound_set_has_no_findings_and_a_table_of_shares(pegs, capsys):
    code, output = run(pegs, capsys)
    assert code == 0
    assert "0 errors, 0 warnings" in output
    rows = [line.split() for line in output.splitlines()]
    assert ["frames", "9", "3"] in rows
    assert ["peg", "41.67", "%", "41.67", "%"] in rows


def test_every_unusable_pair_is_named_not_only_the_first(pegs, capsys):
    rewrite(pegs, "001", lambda mask: np.full_like(mask, 7))
    rewrite(pegs, "004", lambda mask: mask[:10])
    (pegs / "gt" / "010.png").write_bytes(b"no image")
    code, output = run(pegs, capsys)
    assert code == 1
    for text in ("001.png: label value 7", "004.png: is 64x10", "010.png: cannot be read", "3 errors"):
        assert text in output


def test_validation_images_that_training_has_seen_are_named_with_their_twins(pegs, capsys):
    picture = cv2.imread(str(pegs / "rgb" / "003.png")).astype(int)
    noisy = picture + np.random.default_rng(1).integers(-6, 7, picture.shape)
    cv2.imwrite(str(pegs / "rgb" / "010.png"), noisy.clip(0, 255).astype(np.uint8))
    code, output = run(pegs, capsys)
    assert code == 0
    assert "validation image 010 is a near-duplicate of train image 003" in output
    assert "1 warnings" in output


def test_empty_masks_absent_and_rare_classes_and_much_to_ignore_are_noted(pegs, capsys):
    for name in NAMES[:9]:
        rewrite(pegs, name, np.zeros_like)
    rewrite(pegs, "000", lambda mask: np.full_like(mask, 255))
    for name in NAMES[9:]:
        rewrite(pegs, name, lambda mask: np.full_like(mask, 255))
    rewrite(pegs, "009", lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) == 5, 1, 0).astype(np.uint8))
    output = run(pegs, capsys)[1]
    for text in ("8 of 12 masks hold only class 0 (floor)", "train: no pixel of peg:", "no pixel of hole in the whole",
                 "000.png: no labelled pixels", "validation: 67% of the pixels are ignored"):  # fmt: skip
        assert text in output


def test_sizes_that_differ_are_noted(pegs, capsys):
    for folder in ("rgb", "gt"):
        path = str(pegs / folder / "002.png")
        cv2.imwrite(path, cv2.imread(path, cv2.IMREAD_UNCHANGED)[:40])
    assert "images have 2 sizes: 64x48 (11), 64x40 (1)" in run(pegs, capsys)[1]


def test_the_page_needs_no_other_file_and_shows_the_images(pegs, capsys, tmp_path):
    cv2.imwrite(str(pegs / "rgb" / "010.png"), cv2.imread(str(pegs / "rgb" / "003.png")))
    target = tmp_path / "lint.html"
    run(pegs, capsys, "--html", str(target))
    text = target.read_text()
    assert text.count("data:image/jpeg;base64,") == 2 + 6 + 3 and "http" not in text
    assert "validation image 010" in text


def test_a_set_that_cannot_be_paired_is_an_error(pegs, capsys):
    (pegs / "gt" / "003.png").unlink()
    assert main(["custom", str(pegs)]) == 2
    assert "003.png: image without its mask" in capsys.readouterr().err


def test_the_nearest_is_that_of_a_slow_search():
    random = np.random.default_rng(2)
    images, others = random.integers(0, 256, (5, 20), np.uint8), random.integers(0, 256, (9, 20), np.uint8)
    table = np.array([[np.abs(a.astype(int) - b.astype(int)).mean() for b in others] for a in images])
    indices, differences = nearest(images, others)
    np.testing.assert_array_equal(indices, table.argmin(axis=1))
    np.testing.assert_allclose(differences, table.min(axis=1))


def test_masks_of_one_class_alone_are_an_error_that_says_what_is_missing(pegs, capsys):
    for name in NAMES:
        rewrite(pegs, name, np.zeros_like)
    code, output = run(pegs, capsys)
    assert code == 1
    assert "error: no pixel of peg, hole: the 12 masks hold only floor" in output
    for name in NAMES:
        rewrite(pegs, name, lambda mask: np.full_like(mask, 255))
    code, output = run(pegs, capsys)
    assert code == 1 and "error: no pixel of any class" in output


def test_test_images_near_validation_are_named_too(pegs, capsys):
    splits = {"train": NAMES[:6], "validation": NAMES[6:9], "test": NAMES[9:]}
    (pegs / "splits.yaml").write_text(yaml.safe_dump(splits, sort_keys=False))
    cv2.imwrite(str(pegs / "rgb" / "011.png"), cv2.imread(str(pegs / "rgb" / "007.png")))
    assert (
        "test image 011 is a near-duplicate of validation image 007, mean difference 0.0 of 255" in run(pegs, capsys)[1]
    )


def write_depth(folder, name, depth):
    (folder / "depth").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "depth" / f"{name}.png"), depth)


def test_depth_has_rows_of_its_own_and_is_looked_at(pegs, capsys):
    assert "depth" not in run(pegs, capsys)[1]
    depth = np.full((48, 64), 1500, np.uint16)
    depth[:12] = 0
    for name in NAMES[:10]:
        write_depth(pegs, name, depth)
    write_depth(pegs, "003", np.zeros((48, 64), np.uint16))
    code, output = run(pegs, capsys)
    rows = [line.split() for line in output.splitlines()]
    assert code == 0
    assert ["frames", "with", "depth", "9", "1"] in rows
    assert ["(without", "reading)", "33.33", "%", "25.00", "%"] in rows
    assert "2 of 12 images have no depth" in output and "depth/003.png: no valid depth reading" in output
    for name in NAMES[:10]:
        write_depth(pegs, name, depth // 1000)
    assert "median depth is 1 mm: are the files in millimetres?" in run(pegs, capsys)[1]
    write_depth(pegs, "001", depth[:40])
    write_depth(pegs, "002", depth.astype(np.uint8))
    code, output = run(pegs, capsys)
    assert code == 1
    assert "001.png: is 64x40, but its image is 64x48" in output and "002.png: has 8 bits per pixel" in output
