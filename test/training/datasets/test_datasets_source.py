"""Sources of data sets: what is paired, how it is split, and what is refused with which message."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import is_plain_rgb, read_image, read_mask
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.datasets.pairing import pair_by_name
from rt_seg_training.datasets.splitting import BLOCK, group_of, split_a_fifth, split_by_group

LABELS = """ignore_id: 255
classes:
- {id: 0, name: background, color: [0, 0, 0]}
- {id: 1, name: peg, color: [9, 8, 7]}
"""


def write_pair(folder, name, mask_name=None, size=(8, 6), value=1, image_suffix=".png"):
    (folder / "rgb").mkdir(parents=True, exist_ok=True)
    (folder / "gt").mkdir(exist_ok=True)
    width, height = size
    random = np.random.default_rng(sum(name.encode()))
    Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(
        folder / "rgb" / f"{name}{image_suffix}"
    )
    mask = np.zeros((height, width), np.uint8)
    mask[0] = value
    mask[1] = 255
    Image.fromarray(mask).save(folder / "gt" / f"{mask_name or name}.png")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pegs"
    for number in range(0, 10 * BLOCK, 4):
        write_pair(folder, f"{number:04d}")
    (folder / "labels.yaml").write_text(LABELS)
    return folder


def zip_folder(folder, target, top):
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{top}{path.relative_to(folder)}")
    return target


def names(source):
    return {split: [pair.name for pair in pairs] for split, pairs in source.splits.items()}


def test_good_folder_is_read_with_its_labels_and_pixel_counts(folder):
    source = read_custom(folder)
    assert source.labels.names == ["background", "peg"]
    assert sum(map(len, source.splits.values())) == 50
    pixels = sum(check_source(source).pixels.values())
    assert (pixels[0], pixels[1], pixels[255], pixels.sum()) == (50 * 32, 50 * 8, 50 * 8, 50 * 48)


@pytest.mark.parametrize("top", ["", "pegs/"])
def test_zip_reads_like_the_folder_with_and_without_a_top_folder(folder, tmp_path, top):
    source = read_custom(zip_folder(folder, tmp_path / "pegs.zip", top))
    assert names(source) == names(read_custom(folder))
    check_source(source)


def test_litter_of_operating_systems_is_ignored(folder, tmp_path):
    (folder / "rgb" / ".DS_Store").write_text("x")
    (folder / "rgb" / "Thumbs.db").write_text("x")
    archive = zip_folder(folder, tmp_path / "pegs.zip", "pegs/")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("__MACOSX/pegs/rgb/._0000.png", "x")
    assert names(read_custom(archive)) == names(read_custom(folder))


@pytest.mark.parametrize(
    ("image", "mask"),
    [("7", "7_mask"), ("7", "7_gt"), ("7", "7-label"), ("7_rgb", "7_label"), ("7_color", "7"), ("7_rgb", "7_rgb_mask")],
)
def test_usual_endings_pair_with_each_other(tmp_path, image, mask):
    write_pair(tmp_path, image, mask, image_suffix=".jpg")
    (tmp_path / "labels.yaml").write_text(LABELS)
    assert names(read_custom(tmp_path)) == {"train": ["7"]}


def test_pairs_are_made_by_name_although_sorting_would_cross_them(tmp_path):
    for name in ("a", "a-b", "a_b", "aa", "10", "9"):
        write_pair(tmp_path, name, f"{name}_mask")
    (tmp_path / "labels.yaml").write_text(LABELS)
    for pairs in read_custom(tmp_path).splits.values():
        for pair in pairs:
            assert pair.mask.name == f"{pair.name}_mask.png"


def test_missing_empty_and_foreign_paths_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: no such folder or zip file"):
        read_custom(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty: is empty; expected rgb/ and gt/"):
        read_custom(tmp_path / "empty")
    (tmp_path / "text.zip").write_text("not a zip")
    with pytest.raises(DatasetError, match=r"text\.zip: is not a complete zip file"):
        read_custom(tmp_path / "text.zip")


@pytest.mark.parametrize("missing", ["rgb", "gt"])
def test_missing_folder_is_named(folder, missing):
    shutil.rmtree(folder / missing)
    with pytest.raises(DatasetError, match=f"has no folder {missing}/"):
        read_custom(folder)


@pytest.mark.parametrize("emptied", ["rgb", "gt"])
def test_empty_folder_is_named(folder, emptied):
    shutil.rmtree(folder / emptied)
    (folder / emptied).mkdir()
    with pytest.raises(DatasetError, match=f"{emptied}: holds no image files"):
        read_custom(folder)


def test_image_without_its_mask_is_named(folder):
    (folder / "gt" / "0008.png").unlink()
    with pytest.raises(DatasetError, match=r"rgb/0008\.png: image without its mask"):
        read_custom(folder)


def test_mask_without_its_image_is_named(folder):
    (folder / "rgb" / "0008.png").unlink()
    with pytest.raises(DatasetError, match=r"gt/0008\.png: mask without its image"):
        read_custom(folder)


def test_two_masks_of_one_image_are_ambiguous(folder):
    shutil.copy(folder / "gt" / "0008.png", folder / "gt" / "0008_mask.png")
    with pytest.raises(DatasetError, match=r"ambiguous, 2 masks .*0008\.png, 0008_mask\.png"):
        read_custom(folder)


def test_two_images_of_one_mask_are_ambiguous(folder):
    shutil.copy(folder / "rgb" / "0008.png", folder / "rgb" / "0008_rgb.png")
    with pytest.raises(DatasetError, match=r"0008_rgb\.png: ambiguous, 0008\.png"):
        read_custom(folder)


def test_lossy_masks_and_nested_folders_are_refused(folder):
    Image.open(folder / "gt" / "0008.png").save(folder / "gt" / "0008.jpg")
    with pytest.raises(DatasetError, match=r"0008\.jpg: label images must be lossless"):
        read_custom(folder)
    (folder / "gt" / "0008.jpg").unlink()
    (folder / "rgb" / "more").mkdir()
    with pytest.raises(DatasetError, match="more: folders inside rgb/ are not read"):
        read_custom(folder)


@pytest.mark.parametrize(
    ("image", "depth"), [("7", "7"), ("7", "7_depth"), ("7_rgb", "7_depth"), ("7_color", "7-aligned_depth")]
)
def test_depth_is_paired_by_name_with_the_usual_endings_and_may_be_missing(tmp_path, image, depth):
    write_pair(tmp_path, image, "7_mask")
    write_pair(tmp_path, "8")
    (tmp_path / "labels.yaml").write_text(LABELS)
    (tmp_path / "depth").mkdir()
    Image.fromarray(np.full((6, 8), 4000, np.uint16)).save(tmp_path / "depth" / f"{depth}.png")
    source = read_custom(tmp_path)
    assert source.has_depth
    found = {pair.name: pair.depth.name if pair.depth else None for pair in source.splits["train"]}
    assert found == {"7": f"{depth}.png", "8": None}
    before = source.digest
    Image.fromarray(np.full((6, 8), 900, np.uint16)).save(tmp_path / "depth" / f"{depth}.png")
    assert read_custom(tmp_path).digest != before


def test_depth_without_image_two_of_one_image_and_lossy_depth_are_refused(folder):
    (folder / "depth").mkdir()
    assert not read_custom(folder).has_depth, "an empty depth/ is no depth"
    depth = Image.fromarray(np.full((6, 8), 4000, np.uint16))
    depth.save(folder / "depth" / "0001.png")
    with pytest.raises(DatasetError, match=r"depth/0001\.png: depth without its image"):
        read_custom(folder)
    (folder / "depth" / "0001.png").unlink()
    depth.save(folder / "depth" / "0008.png")
    depth.save(folder / "depth" / "0008_depth.png")
    with pytest.raises(DatasetError, match=r"0008_depth\.png: ambiguous, its name also matches 0008\.png"):
        read_custom(folder)
    (folder / "depth" / "0008_depth.png").unlink()
    Image.new("L", (8, 6)).save(folder / "depth" / "0008.jpg")
    with pytest.raises(DatasetError, match=r"0008\.jpg: depth images have 16 bits"):
        read_custom(folder)


def test_depth_of_another_size_or_of_8_bits_is_named(folder):
    (folder / "depth").mkdir()
    Image.fromarray(np.full((5, 8), 4000, np.uint16)).save(folder / "depth" / "0008.png")
    with pytest.raises(DatasetError, match=r"depth/0008\.png: is 8x5, but its image is 8x6"):
        check_source(read_custom(folder))
    Image.new("L", (8, 6), 9).save(folder / "depth" / "0008.png")
    with pytest.raises(DatasetError, match=r"depth/0008\.png: has 8 bits per pixel"):
        check_source(read_custom(folder))


def test_the_error_says_how_many_more_there_are(folder):
    for name in ("0008", "0012"):
        Image.new("L", (5, 6)).save(folder / "gt" / f"{name}.png")
    with pytest.raises(DatasetError, match=r"\(and 1 more errors: lint_dataset shows them\)"):
        check_source(read_custom(folder))


def test_sizes_that_differ_are_named(folder):
    Image.new("L", (5, 6)).save(folder / "gt" / "0008.png")
    with pytest.raises(DatasetError, match=r"0008\.png: is 5x6, but its image 0008\.png is 8x6"):
        check_source(read_custom(folder))


@pytest.mark.parametrize("value", [2, 254, 40000])
def test_label_value_outside_the_class_list_is_named(folder, value):
    Image.fromarray(np.full((6, 8), value, np.uint8 if value < 256 else np.uint16)).save(folder / "gt" / "0008.png")
    with pytest.raises(
        DatasetError, match=r"gt/0008\.png: label value \d+ is outside the class list; .*background, peg"
    ):
        check_source(read_custom(folder))


@pytest.mark.parametrize("side", ["rgb", "gt"])
def test_unreadable_picture_is_named(folder, side):
    path = folder / side / "0008.png"
    path.write_bytes(path.read_bytes()[:45])
    with pytest.raises(DatasetError, match=rf"{side}/0008\.png: cannot be read as an image"):
        check_source(read_custom(folder))


def test_missing_and_malformed_labels_are_named(folder):
    (folder / "labels.yaml").write_text("classes: 3")
    with pytest.raises(DatasetError, match=r"labels\.yaml: classes: 3 must be a list"):
        read_custom(folder)
    (folder / "labels.yaml").unlink()
    with pytest.raises(DatasetError, match=r"labels\.yaml: not found. Write the classes there"):
        read_custom(folder)


def test_palette_mask_yields_indices_and_grey_in_three_channels_is_grey(tmp_path):
    ids = np.array([[0, 1], [1, 255]], np.uint8)
    palette = Image.frombytes("P", (2, 2), ids.tobytes())
    palette.putpalette([200, 10, 10] * 256)
    palette.save(tmp_path / "p.png")
    Image.fromarray(np.dstack([ids] * 3)).save(tmp_path / "grey.png")
    assert read_mask(tmp_path / "p.png").tolist() == ids.tolist()
    assert read_mask(tmp_path / "grey.png").tolist() == ids.tolist()
    Image.new("RGB", (2, 2), (200, 10, 10)).save(tmp_path / "colour.png")
    with pytest.raises(DatasetError, match=r"colour\.png: is a colour image"):
        read_mask(tmp_path / "colour.png")


def test_rotation_tag_of_a_photograph_is_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (8, 6)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (8, 6, 3)
    assert not is_plain_rgb(tmp_path / "turned.jpg")
    Image.new("L", (8, 6)).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png").shape == (6, 8, 3)
    assert not is_plain_rgb(tmp_path / "grey.png")


def test_block_of_consecutive_numbers_stays_on_one_side():
    all_names = [f"run_{number:05d}" for number in range(1000)] + ["portrait"]
    splits = split_by_group(all_names)
    assert sorted(splits["train"] + splits["validation"]) == sorted(all_names)
    sides = {group_of(name): set() for name in all_names}
    for split, members in splits.items():
        for name in members:
            sides[group_of(name)].add(split)
    assert all(len(side) == 1 for side in sides.values())
    assert len(sides) == 1000 // BLOCK + 1
    assert 0.1 < len(splits["validation"]) / 1001 < 0.3


def test_split_is_stable_when_examples_are_added():
    before = split_by_group(f"{number}" for number in range(1000))
    after = split_by_group(f"{number}" for number in range(3000))
    assert set(before["validation"]) <= set(after["validation"])
    assert set(before["train"]) <= set(after["train"])


def test_padding_of_numbers_does_not_part_neighbours():
    assert group_of("0340") == group_of("341") == "17x20"
    assert group_of("a_0019_left") != group_of("b_0019_left")
    assert group_of("portrait") == "portrait"


def test_stamps_are_grouped_by_their_seconds():
    stamps = ["1700000000_100000000", "1700000003_100000000", "1700000019_999999999_2", "1700000001.123456"]
    assert {group_of(stamp) for stamp in stamps} == {"85000000x20s"}
    assert group_of("1700000020_000000000") == "85000001x20s"
    assert group_of("3_000000007") == group_of("4_000000000") != group_of("44_000000000")


def test_two_groups_give_both_splits_and_one_group_gives_train_only():
    for first in range(0, 2000, BLOCK):
        two = split_by_group([str(first), str(first + BLOCK)])
        assert sorted(two) == ["train", "validation"]
    assert split_by_group(["1", "2", "3"]) == {"train": ["1", "2", "3"]}


@pytest.mark.parametrize("count", [40, 55, 60, 100, 137, 200, 1000, 1999])
def test_validation_is_a_fifth_of_whole_blocks(count):
    splits, notes = split_a_fifth([f"frame{number}" for number in range(count)])
    assert sum(map(len, splits.values())) == count
    assert 0.15 <= len(splits["validation"]) / count <= 0.25
    if count < 100:
        assert "blocks of" in notes[0]
    if count >= 200:
        assert notes == []
    if count % (5 * BLOCK) == 0:
        assert len(splits["validation"]) == count / 5
    # Whole blocks: the numbers held out are few runs, not single frames between those of training.
    numbers = [int(name[5:]) for name in splits["validation"]]
    runs = 1 + sum(later - earlier > 1 for earlier, later in zip(numbers, numbers[1:]))
    assert runs <= max(1, len(numbers) / 4)


def test_where_groups_allow_no_fifth_it_is_said_with_the_numbers():
    names = [f"{recording}_{second}_{number:09d}" for recording in "ab" for second in (5, 6) for number in range(0, 50)]
    splits, notes = split_a_fifth(names)
    share = len(splits["validation"]) / len(names)
    assert share in (0.25, 0.5) and len({name[:3] for name in splits["validation"]}) <= 2
    assert ("their groups do not allow 20%" in " ".join(notes)) == (abs(share - 0.2) > 0.0501)
    assert split_a_fifth(["7", "8"]) == ({"train": ["7", "8"]}, [])


def test_names_without_numbers_are_groups_of_their_own():
    names = ["".join(letters) for letters in zip("abcdefghij", "qwertyuiop")]
    splits, notes = split_a_fifth(names)
    assert len(splits["validation"]) == 2 and notes == []


def test_most_examples_keep_their_side_when_others_are_added():
    before = split_a_fifth(f"{number}" for number in range(1000))[0]
    after = split_a_fifth(f"{number}" for number in range(3000))[0]
    assert len(set(before["validation"]) & set(after["validation"])) >= 0.7 * len(before["validation"])


def test_frames_follow_each_other_as_people_count(tmp_path):
    for name in ("frame10", "frame9", "frame100"):
        write_pair(tmp_path, name)
    (tmp_path / "labels.yaml").write_text(LABELS)
    (tmp_path / "splits.yaml").write_text("train: [frame100, frame9, frame10]")
    assert names(read_custom(tmp_path)) == {"train": ["frame9", "frame10", "frame100"]}


@pytest.mark.parametrize("top", ["a/", "a/b/c/"])
def test_folders_around_the_data_and_separators_of_windows_are_no_matter(folder, tmp_path, top):
    expected = names(read_custom(folder))
    archive = zip_folder(folder, tmp_path / "deep.zip", top)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("__MACOSX/a/._rgb", "x")
        opened.writestr(f"{top}.DS_Store", "x")
    assert names(read_custom(archive)) == expected
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.writestr((top + str(path.relative_to(folder))).replace("/", "\\"), path.read_bytes())
    assert names(read_custom(tmp_path / "windows.zip")) == expected
    check_source(read_custom(tmp_path / "windows.zip"))


@pytest.mark.parametrize("place", range(0, 12))
def test_a_damaged_zip_file_is_refused_by_name_wherever_it_is_damaged(folder, tmp_path, place):
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*"), key=lambda path: path.suffix == ".png"):
            if path.is_file() and (path.suffix != ".png" or path.stem in ("0000", "0020")):
                opened.write(path, path.relative_to(folder))
    data = bytearray(archive.read_bytes())
    start = place * len(data) // 12
    data[start : start + 24] = bytes(b ^ 0x5A for b in data[start : start + 24])
    archive.write_bytes(data)
    try:
        check_source(read_custom(archive))
    except DatasetError as error:
        assert "bad.zip" in str(error)


def test_an_encrypted_or_giant_file_in_a_zip_is_refused(folder, tmp_path):
    archive = zip_folder(folder, tmp_path / "bomb.zip", "")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("splits.yaml", bytes(2**25))
    with pytest.raises(DatasetError, match=r"splits\.yaml: has 33554432 bytes"):
        read_custom(archive)


def test_masks_of_0_and_255_are_read_with_the_value_of_the_foreground(tmp_path):
    for number in range(3):
        write_pair(tmp_path, f"{number}", value=255)
    (tmp_path / "labels.yaml").write_text(LABELS)
    with pytest.raises(DatasetError, match="no pixel of peg.* 255, which means ignore.*--foreground 255"):
        check_source(read_custom(tmp_path))
    source = read_custom(tmp_path, foreground=255)
    pixels = sum(check_source(source).pixels.values())
    assert (pixels[0], pixels[1], pixels[255]) == (3 * 32, 3 * 16, 0)
    assert source.digest != read_custom(tmp_path).digest
    for value in (0, 1, 256):
        with pytest.raises(DatasetError, match="accepted are values 2..255"):
            read_custom(tmp_path, foreground=value)


def test_foreground_is_for_two_classes(tmp_path):
    write_pair(tmp_path, "1")
    (tmp_path / "labels.yaml").write_text(LABELS + "- {id: 2, name: hole, color: [1, 2, 3]}\n")
    with pytest.raises(DatasetError, match="for a set of two classes; it has 3"):
        read_custom(tmp_path, foreground=255)


def test_splits_file_wins_and_its_names_are_texts(folder):
    every = sorted(path.stem for path in (folder / "rgb").iterdir())
    listed = "train: [" + ", ".join(every[:30]) + "]\nvalidation: [" + ", ".join(every[30:]) + "]\n"
    (folder / "splits.yaml").write_text(listed)
    assert names(read_custom(folder)) == {"train": every[:30], "validation": every[30:]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: ['0000', '9999']", "lists '9999', but there is no such image"),
        ("train: ['0000']\nvalidation: ['0000']", "'0000' is in 'train' and in 'validation'"),
        ("train: ['0000']", "49 images are in no split, first '0004'"),
        ("{}", "expected a mapping of split to names"),
        ("train: 7", "'train' must be a list"),
        ("train: ['0000']\nVal Set: ['0004']", "split 'Val Set'"),
        ("train: [", "not valid YAML"),
    ],
)
def test_bad_splits_file_is_refused(folder, text, message):
    (folder / "splits.yaml").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_custom(folder)


def test_digest_changes_with_pictures_labels_and_splits(folder, tmp_path):
    digests = [read_custom(folder).digest]
    assert read_custom(folder).digest == digests[0]
    write_pair(folder, "0008", size=(10, 6))
    digests.append(read_custom(folder).digest)
    (folder / "labels.yaml").write_text(LABELS.replace("peg", "hole"))
    digests.append(read_custom(folder).digest)
    every = [path.stem for path in (folder / "rgb").iterdir()]
    (folder / "splits.yaml").write_text(f"train: {every!r}")
    digests.append(read_custom(folder).digest)
    assert len(set(digests)) == 4


def test_the_real_polehole_set_pairs_by_name_and_its_masks_hold_hole_and_pole():
    data = Path(os.environ.get("RT_SEG_DATA") or Path(__file__).parents[3].parent / "shared" / "data") / "polehole"
    if not data.is_dir():
        pytest.skip(f"real data: {data} is not there; set RT_SEG_DATA")
    pairs = pair_by_name(data / "rgb", data / "gt")
    assert len(pairs) == 553
    numbers = [int(pair.name) for pair in pairs]
    assert numbers == sorted(numbers)
    seen = np.zeros(256, np.int64)
    for pair in pairs[::50]:
        seen += np.bincount(read_mask(pair.mask).ravel(), minlength=256)
    assert set(np.flatnonzero(seen)) == {0, 1, 2} and seen[0] > seen[2] > seen[1]


def test_a_jpeg_called_png_is_no_mask(folder):
    file = next((folder / "gt").iterdir())
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(file, "JPEG")
    with pytest.raises(DatasetError, match="is a JPEG file, regardless of its suffix"):
        read_mask(file)


def test_files_that_nobody_reads_are_said(folder):
    (folder / "depth").mkdir()
    (folder / "depth" / "1.npy").write_bytes(b"")
    (folder / "rgb" / "9.heic").write_bytes(b"")
    notes = " ".join(read_custom(folder).notes)
    assert "1 files in depth/ are not read (such as 1.npy)" in notes and "in rgb/ are not read" in notes


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_labels_are_read_by_their_byte_order_mark(folder, encoding):
    labels = (folder / "labels.yaml").read_text()
    (folder / "labels.yaml").write_bytes(labels.encode(encoding))
    assert read_custom(folder).labels.names


def test_labels_that_would_fill_the_memory_are_refused_at_once(folder):
    for text in ("classes: " + "[" * 5000, "classes: &a [*a]\n"):
        (folder / "labels.yaml").write_text(text)
        with pytest.raises(DatasetError, match=r"labels.yaml: not valid YAML"):
            read_custom(folder)


@pytest.mark.parametrize("change", [lambda name: f"/{name}", lambda name: name.replace("/", "//")])
def test_zip_files_with_absolute_names_or_doubled_separators(folder, tmp_path, change):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.writestr(change(path.relative_to(folder).as_posix()), path.read_bytes())
    assert names(read_custom(tmp_path / "odd.zip")) == names(read_custom(folder))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_twice_in_a_zip_is_refused(folder, tmp_path):
    archive = zip_folder(folder, tmp_path / "double.zip", "")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("labels.yaml", LABELS)
    with pytest.raises(DatasetError, match=r"double\.zip: holds labels\.yaml twice"):
        read_custom(archive)


def test_an_image_of_fractions_is_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DatasetError, match=r"a\.tif: has fractions"):
        read_image(tmp_path / "a.tif")
