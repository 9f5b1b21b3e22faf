"""A contact sheet and a page that show what is in a set."""

import cv2
import numpy as np
import pytest

from rt_seg_training.commands.preview import main
from rt_seg_training.datasets.contact_sheet import CAPTION_HEIGHT, contact_sheet, evenly_spaced

LABELS = "classes:\n- {id: 0, name: background, color: [0, 0, 0]}\n- {id: 1, name: 'p<e>g', color: [255, 0, 0]}\n"


@pytest.fixture
def pegs(tmp_path):
    """25 frames of 40x30; frame i has i + 1 pixels of class 1."""
    folder = tmp_path / "pegs"
    for name in ("rgb", "gt"):
        (folder / name).mkdir(parents=True)
    (folder / "labels.yaml").write_text(LABELS)
    for number in range(25):
        mask = np.zeros((30, 40), np.uint8)
        mask.flat[: number + 1] = 1
        cv2.imwrite(str(folder / "rgb" / f"{number:03d}.png"), np.full((30, 40, 3), 200, np.uint8))
        cv2.imwrite(str(folder / "gt" / f"{number:03d}.png"), mask)
    return folder


def test_the_sheet_shows_overlays_and_the_page_counts_every_frame(pegs, tmp_path, capsys):
    assert main([str(pegs), "--output", str(tmp_path / "out"), "--count", "5", "--columns", "3", "--width", "80"]) == 0
    sheet = cv2.imread(str(tmp_path / "out" / "contact_sheet.png"))
    assert sheet.shape == (2 * (60 + CAPTION_HEIGHT), 3 * 80, 3)
    assert (sheet[..., 2].astype(int) - sheet[..., 0] > 60).any(), "no red overlay on the grey images"
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<figure>") == 5
    assert f"<td>{sum(range(1, 26))}</td><td>{100 * 325 / 30000:.2f} %</td><td>25</td>" in page
    assert "p&lt;e&gt;g" in page and "p<e>g" not in page
    assert "http" not in page, "the page must need no other file"
    assert "index.html" in capsys.readouterr().out


def test_a_set_with_depth_shows_it_beside_the_overlay(pegs, tmp_path):
    (pegs / "depth").mkdir()
    cv2.imwrite(str(pegs / "depth" / "000.png"), np.full((30, 40), 600, np.uint16))
    assert main([str(pegs), "--output", str(tmp_path / "out"), "--count", "2", "--columns", "1", "--width", "40"]) == 0
    sheet = cv2.imread(str(tmp_path / "out" / "contact_sheet.png"))
    assert sheet.shape == (2 * (30 + CAPTION_HEIGHT), 2 * 40, 3)
    assert sheet[15, 60, 2] > sheet[15, 60, 0], "near is red"
    assert not sheet[30 + CAPTION_HEIGHT + 15, 60].any(), "the last frame has no depth"
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count('class="depth"') == 2
    assert "Depth: red 0.2 m to blue 5 m" in page


def test_a_set_that_cannot_be_used_is_an_error_that_names_it(pegs, tmp_path, capsys):
    (pegs / "gt" / "003.png").unlink()
    assert main([str(pegs), "--output", str(tmp_path / "out")]) == 2
    assert "003.png: image without its mask" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_pictures_make_no_sheet():
    with pytest.raises(ValueError, match="at least one image"):
        contact_sheet([])


def test_spacing_goes_from_the_first_to_the_last():
    assert evenly_spaced(99, 5) == [0, 24, 49, 74, 98]
    assert evenly_spaced(3, 5) == [0, 1, 2]
