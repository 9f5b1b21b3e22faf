"""A bag in, the same bag with masks and overlays out, without ROS."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Reader, Writer
from rosbags.typesys import Stores, get_typestore

from rt_seg_training.commands import predict as predict_command
from rt_seg_training.prediction.bag_depth import depth_topic
from rt_seg_training.prediction.bag_prediction import (
    MASK_TOPIC,
    OVERLAY_TOPIC,
    BagError,
    color_topic,
    predict_bag,
)

STORE = get_typestore(Stores.ROS1_NOETIC)
IMAGE, COMPRESSED, TEXT = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "std_msgs/msg/String"
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"


def _header(number):
    stamp = STORE.types["builtin_interfaces/msg/Time"](100 + number, 500_000_000)
    return STORE.types["std_msgs/msg/Header"](number, stamp, "camera_color_optical_frame")


def _image(number, pixels, encoding, padding=0):
    height, width = pixels.shape[:2]
    rows = np.pad(pixels.reshape(height, -1).view(np.uint8), ((0, 0), (0, padding)))
    return STORE.types[IMAGE](_header(number), height, width, encoding, 0, rows.shape[1], rows.reshape(-1))


def _picture(number):
    return np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)


@pytest.fixture
def bag(tmp_path):
    """Three images of colour and depth, recorded 0.25 s after their stamps, and a latched text."""
    path = tmp_path / "drive.bag"
    with Writer(path) as writer:
        text = writer.add_connection("/note", TEXT, typestore=STORE, callerid="/me", latching=1)
        color = writer.add_connection(COLOR, IMAGE, typestore=STORE)
        depth = writer.add_connection(DEPTH, IMAGE, typestore=STORE)
        writer.write(text, 100 * 10**9, STORE.serialize_ros1(STORE.types[TEXT]("hello"), TEXT))
        for number in range(3):
            time = (100 + number) * 10**9 + 750_000_000
            writer.write(color, time, STORE.serialize_ros1(_image(number, _picture(number), "rgb8"), IMAGE))
            pixels = np.full((24, 32), 900, np.uint16)
            writer.write(depth, time, STORE.serialize_ros1(_image(number, pixels, "16UC1"), IMAGE))
    return path


def _threshold(rgb, depth=None):
    mask = (rgb[..., 0] > 127).astype(np.uint8)
    return mask, np.repeat(mask[..., np.newaxis] * 255, 3, axis=-1).astype(np.uint8)


def _read(path):
    with Reader(path) as reader:
        return [(c.topic, c.digest, c.ext, time, bytes(data)) for c, time, data in reader.messages()]


def test_the_new_bag_holds_the_old_one_and_masks_and_overlays_with_the_headers_of_the_images(bag, tmp_path):
    output = tmp_path / "out" / "new.bag"
    assert predict_bag(bag, output, _threshold).images == 3
    before, after = _read(bag), _read(output)
    assert [entry for entry in after if entry[0] not in (MASK_TOPIC, OVERLAY_TOPIC)] == before
    images = {entry[3]: STORE.deserialize_ros1(entry[4], IMAGE) for entry in before if entry[0] == COLOR}
    for topic, encoding, index in ((MASK_TOPIC, "mono8", 0), (OVERLAY_TOPIC, "rgb8", 1)):
        made = {entry[3]: STORE.deserialize_ros1(entry[4], IMAGE) for entry in after if entry[0] == topic}
        assert set(made) == set(images)
        for time, message in made.items():
            assert message.header == images[time].header
            assert (message.encoding, message.height, message.width) == (encoding, 24, 32)
            expected = _threshold(_picture(message.header.seq))[index]
            np.testing.assert_array_equal(message.data, expected.reshape(-1))
            assert message.step == len(message.data) // 24
    assert [path.name for path in output.parent.iterdir()] == ["new.bag"]


def test_ros_itself_reads_the_new_bag(bag, tmp_path):
    rosbag = pytest.importorskip("rosbag", reason="ROS is not installed")
    predict_bag(bag, tmp_path / "new.bag", _threshold)
    with rosbag.Bag(str(tmp_path / "new.bag")) as made:
        messages = [(topic, time.to_nsec(), message) for topic, message, time in made.read_messages()]
    assert len(messages) == 1 + 4 * 3
    masks = [message for topic, _, message in messages if topic == MASK_TOPIC]
    assert [mask.header.stamp.to_nsec() for mask in masks] == [(100 + i) * 10**9 + 500_000_000 for i in range(3)]
    assert {mask.header.frame_id for mask in masks} == {"camera_color_optical_frame"}
    assert masks[2].data == _threshold(_picture(2))[0].tobytes()


def test_the_command_segments_a_bag_as_the_segmenter_does_and_leaves_it_alone_the_next_time(bag, tmp_path, capsys):
    from rt_seg.bundle import load_bundle
    from rt_seg.segmenter import load_segmenter

    bundle = Path(__file__).parents[3] / "models" / "tabletop"
    arguments = [str(bundle), str(bag), "--output", str(tmp_path / "out")]
    assert predict_command.main(arguments) == 0
    assert "1 made, 0 already there" in capsys.readouterr().out
    masks = [e for e in _read(tmp_path / "out" / "drive_segmented.bag") if e[0] == MASK_TOPIC]
    segmenter = load_segmenter(load_bundle(bundle))
    for number, entry in enumerate(masks):
        mask = STORE.deserialize_ros1(entry[4], IMAGE).data.reshape(24, 32)
        np.testing.assert_array_equal(mask, segmenter.segment(_picture(number)).mask)
    assert len(masks) == 3
    assert predict_command.main(arguments) == 0
    assert "0 made, 1 already there" in capsys.readouterr().out
    assert predict_command.main([*arguments, "--overwrite", "--topic", "/absent"]) == 1
    assert "topic '/absent' holds no images; image topics there: /camera/aligned_depth" in capsys.readouterr().err


def test_the_topic_is_found_where_it_is_clear_and_asked_for_where_not():
    assert color_topic({COLOR: IMAGE, DEPTH: IMAGE, "/other/rgb": IMAGE}, None) == COLOR
    assert color_topic({"/rgb/compressed": COMPRESSED, DEPTH: IMAGE, "/note": TEXT}, None) == "/rgb/compressed"
    assert color_topic({COLOR: IMAGE, "/b": IMAGE}, "/b") == "/b"
    with pytest.raises(BagError, match="name one with --topic; image topics there: /a, /b"):
        color_topic({"/a": IMAGE, "/b": IMAGE}, None)
    with pytest.raises(BagError, match="image topics there: none"):
        color_topic({"/note": TEXT}, None)


def test_a_bag_that_cannot_be_used_is_named_and_leaves_nothing(bag, tmp_path):
    broken = tmp_path / "broken.bag"
    broken.write_bytes(b"not a bag")
    output = tmp_path / "out" / "new.bag"
    with pytest.raises(BagError, match="broken.bag: is not a bag of ROS 1: it starts with"):
        predict_bag(broken, output, _threshold)
    predict_bag(bag, tmp_path / "first.bag", _threshold)
    with pytest.raises(BagError, match="first.bag: already contains /segmentation/mask"):
        predict_bag(tmp_path / "first.bag", output, _threshold)
    assert not output.parent.exists() or list(output.parent.iterdir()) == []


@pytest.mark.parametrize("form", ["16UC1", "32FC1", "compressedDepth"])
def test_each_image_gets_the_depth_of_its_stamp_whenever_that_was_recorded(tmp_path, form):
    path = tmp_path / "deep.bag"
    name = DEPTH + ("/compressedDepth" if form == "compressedDepth" else "")
    with Writer(path) as writer:
        color = writer.add_connection(COLOR, IMAGE, typestore=STORE)
        depth = writer.add_connection(name, COMPRESSED if form == "compressedDepth" else IMAGE, typestore=STORE)
        messages = []
        for number in range(5):
            time = (100 + number) * 10**9 + 750_000_000
            messages.append((time, color, STORE.serialize_ros1(_image(number, _picture(number), "rgb8"), IMAGE)))
            if number == 3:
                continue  # this one has none
            millimetres = np.full((24, 32), 900 + number, np.uint16)
            if form == "compressedDepth":
                data = np.frombuffer(b"\0" * 12 + cv2.imencode(".png", millimetres)[1].tobytes(), np.uint8)
                message = STORE.types[COMPRESSED](_header(number), "16UC1; compressedDepth png", data)
            else:
                pixels = millimetres if form == "16UC1" else millimetres / np.float32(1000)
                message = _image(number, pixels, form, padding=8)
            late = 400_000_000 if number % 2 else -300_000_000
            messages.append((time + late, depth, STORE.serialize_ros1(message, depth.msgtype)))
        for time, connection, data in sorted(messages, key=lambda entry: entry[0]):
            writer.write(connection, time, data)
    seen = []

    def predict(rgb, depth):
        seen.append(None if depth is None else round(float(depth.mean()) * 1000))
        return _threshold(rgb)

    result = predict_bag(path, tmp_path / "new.bag", predict, with_depth=True)
    assert seen == [900, 901, 902, None, 904] and result.images == 5
    assert result.notes == {f"without depth: no depth on {name} within 10 ms": 1}


def _write_bag(path, colors, depths):
    """`colors`, `depths`: (stamp in s or None for 0, recorded in s, message without stamp)."""
    with Writer(path) as writer:
        color = writer.add_connection(COLOR, IMAGE, typestore=STORE)
        depth = writer.add_connection(DEPTH, IMAGE, typestore=STORE)
        messages = [(color, *entry) for entry in colors] + [(depth, *entry) for entry in depths]
        for connection, stamp, recorded, message in sorted(messages, key=lambda entry: entry[2]):
            nanoseconds = round((stamp or 0) * 10**9)
            time = STORE.types["builtin_interfaces/msg/Time"](nanoseconds // 10**9, nanoseconds % 10**9)
            message = dataclasses.replace(message, header=dataclasses.replace(message.header, stamp=time))
            writer.write(connection, round(recorded * 10**9), STORE.serialize_ros1(message, IMAGE))


def _depth(millimetres, shape=(24, 32), encoding="16UC1"):
    return _image(0, np.full(shape, millimetres, np.uint16), encoding)


def _seen(path, tmp_path):
    depths = []

    def predict(rgb, depth):
        depths.append(None if depth is None else round(float(depth.mean()) * 1000))
        return _threshold(rgb)

    return depths, predict_bag(path, tmp_path / "new.bag", predict, with_depth=True).notes


def test_images_without_stamps_get_the_depth_recorded_with_them_and_are_counted(tmp_path):
    colors = [(None, 10 + number / 30, _image(0, _picture(number), "rgb8")) for number in range(4)]
    depths = [(None, 10.005 + number / 30, _depth(900 + number)) for number in range(4) if number != 2]
    _write_bag(tmp_path / "zero.bag", colors, depths)
    seen, notes = _seen(tmp_path / "zero.bag", tmp_path)
    assert seen == [900, 901, None, 903]
    assert notes["have no stamp (0); the recording time is used"] == 4
    assert sum(count for text, count in notes.items() if text.startswith("without depth")) == 1


def test_depth_that_does_not_belong_is_left_out_with_its_reason_and_number(tmp_path):
    colors = [(20 + number, 20 + number, _image(0, _picture(number), "rgb8")) for number in range(4)]
    depths = [
        (25.0, 20.0, _depth(900)),
        (21.0, 21.0, _depth(901, (12, 16))),
        (22.0, 22.0, _image(0, np.zeros((24, 32, 3), np.uint8), "rgb8")),
        (23.004, 23.0, _depth(903)),
    ]
    _write_bag(tmp_path / "odd.bag", colors, depths)
    seen, notes = _seen(tmp_path / "odd.bag", tmp_path)
    assert seen == [None, None, None, 903]
    reasons = [text for text in notes if text.startswith("without depth")]
    assert [notes[text] for text in reasons] == [1, 1, 1]
    assert "within 10 ms" in reasons[0] and "depth is 16x12 and colour 32x24" in reasons[1] and "'rgb8'" in reasons[2]


def test_depth_of_the_other_byte_order_is_the_same_depth(tmp_path):
    millimetres = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) + 300
    little = _image(0, millimetres, "16UC1")
    big = dataclasses.replace(_image(0, millimetres.byteswap(), "16UC1", padding=6), is_bigendian=1)
    _write_bag(tmp_path / "two.bag", [(number, number, _image(0, _picture(0), "rgb8")) for number in (30, 31)],
               [(30, 30, little), (31, 31, big)])  # fmt: skip
    depths = []

    def predict(rgb, depth):
        depths.append(depth)
        return _threshold(rgb)

    predict_bag(tmp_path / "two.bag", tmp_path / "new.bag", predict, with_depth=True)
    np.testing.assert_array_equal(*depths)


def test_an_image_that_cannot_be_decoded_has_no_mask_and_is_counted_and_of_such_alone_nothing_is_made(tmp_path):
    cut = dataclasses.replace(_image(0, _picture(1), "rgb8"), height=30)
    _write_bag(tmp_path / "cut.bag", [(1, 1, _image(0, _picture(0), "rgb8")), (2, 2, cut)], [])
    result = predict_bag(tmp_path / "cut.bag", tmp_path / "new.bag", _threshold)
    assert result.images == 1 and len([e for e in _read(tmp_path / "new.bag") if e[0] == MASK_TOPIC]) == 1
    ((text, count),) = result.notes.items()
    assert count == 1 and "The message is truncated" in text
    bayer = dataclasses.replace(_image(0, _picture(0)[..., 0], "mono8"), encoding="bayer_rggb8")
    _write_bag(tmp_path / "bayer.bag", [(1, 1, bayer)], [])
    with pytest.raises(BagError, match="bayer.bag: none of 1 images .* encoding 'bayer_rggb8' is not a colour image"):
        predict_bag(tmp_path / "bayer.bag", tmp_path / "none.bag", _threshold)
    assert not (tmp_path / "none.bag").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mcap", b"\x89MCAP0\r\n" + bytes(20), "cannot be read as MCAP"),
        ("a.db3", b"SQLite format 3\0" + bytes(90), "an SQLite file.*rosbags-convert --src"),
        ("a.bag.active", b"#ROSBAG V2.0\n" + bytes(50), "still being recorded.*rosbag reindex"),
        ("a.bag", b"", "is empty"),
        ("a.bag", b"#ROSBAG V1.2\n", "rosbag fix"),
        ("a.bag", b"PK\3\4", "is not a bag of ROS 1: it starts with b'PK"),
    ],
)
def test_what_is_no_finished_bag_of_ros_1_is_named_for_what_it_is(tmp_path, capsys, name, content, message):
    (tmp_path / name).write_bytes(content)
    bundle = Path(__file__).parents[3] / "models" / "tabletop"
    assert predict_command.main([str(bundle), str(tmp_path / name), "--output", str(tmp_path / "out")]) != 0
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_a_bag_that_was_cut_says_how_to_mend_it(bag, tmp_path, kept):
    data = bag.read_bytes()
    (tmp_path / "cut.bag").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(BagError, match="cut.bag: is truncated: its index is .*'rosbag reindex .*cut.bag' repairs it"):
        predict_bag(tmp_path / "cut.bag", tmp_path / "new.bag", _threshold)


def test_the_depth_of_a_camera_is_that_of_the_same_camera():
    topics = {f"/{camera}/{name}": IMAGE for camera in ("left", "right")
              for name in ("color/image_raw", "aligned_depth_to_color/image_raw")}  # fmt: skip
    assert depth_topic(topics, "/right/color/image_raw") == "/right/aligned_depth_to_color/image_raw"
    assert depth_topic({DEPTH: IMAGE, "/usb_cam/image": IMAGE}, "/usb_cam/image") == DEPTH
    assert depth_topic(topics, "/usb_cam/image") is None


def as_mcap(bag, path):
    """The messages of a rosbag as MCAP of ROS 1."""
    from rt_seg.recordings.mcap_ros1 import Mcap1Writer

    writer, channels = Mcap1Writer(path), {}
    with Reader(bag) as reader:
        for c in reader.connections:
            kind = c.msgtype.replace("/msg/", "/")
            channels[c.id] = writer.add_channel(c.topic, kind, c.msgdef.data.encode(), {})
        for c, time, data in reader.messages():
            writer.write(channels[c.id], time, bytes(data))
    writer.close()


@pytest.mark.parametrize("name", ["drive.mcap", "drive_ros2", "drive_ros2_mcap"])
def test_masks_are_the_same_bytes_whatever_kind_of_bag_the_recording_is_in(bag, tmp_path, name):
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer as Writer2

    from rt_seg.recordings.any_bag import kind_of_bag, open_bag

    path = tmp_path / name
    if name.endswith(".mcap"):
        as_mcap(bag, path)
    else:
        store = get_typestore(Stores.ROS2_HUMBLE)
        plugin = StoragePlugin.MCAP if "mcap" in name else StoragePlugin.SQLITE3
        with Reader(bag) as reader, Writer2(path, version=8, storage_plugin=plugin) as writer2:
            copies = {c.id: writer2.add_connection(c.topic, c.msgtype, typestore=store) for c in reader.connections}
            for c, time, data in reader.messages():
                writer2.write(copies[c.id], time, store.ros1_to_cdr(data, c.msgtype))

    def made(source):
        output = tmp_path / "out" / f"{source.stem}_segmented{source.suffix}"
        assert predict_bag(source, output, _threshold, with_depth=True).images == 3
        assert kind_of_bag(output) == kind_of_bag(source)
        with open_bag(output) as result:
            masks = [(time, STORE.deserialize_ros1(result.ros1(stream, data), IMAGE))
                     for stream, time, data in result.messages([MASK_TOPIC, OVERLAY_TOPIC])]  # fmt: skip
        return [(time, m.header.stamp, m.header.frame_id, m.encoding, m.data.tobytes()) for time, m in masks]

    assert made(path) == made(bag)
    assert len(made(path)) == 6


def test_an_annotated_mcap_is_read_by_the_reader_of_those_who_made_the_format(bag, tmp_path):
    decoder = pytest.importorskip("mcap_ros1.decoder", reason="pip install mcap-ros1-support")
    from mcap.reader import make_reader

    as_mcap(bag, tmp_path / "drive.mcap")
    predict_bag(tmp_path / "drive.mcap", tmp_path / "seen.mcap", _threshold)
    predict_bag(bag, tmp_path / "seen.bag", _threshold)
    with Reader(tmp_path / "seen.bag") as reader:
        expected = {(c.topic, time): STORE.deserialize_ros1(data, c.msgtype)
                    for c, time, data in reader.messages() if c.msgtype == IMAGE}  # fmt: skip
    found = {}
    with (tmp_path / "seen.mcap").open("rb") as file:
        for schema, channel, message, image in make_reader(
            file, decoder_factories=[decoder.DecoderFactory()]
        ).iter_decoded_messages():
            if schema.name == "sensor_msgs/Image":
                found[channel.topic, message.log_time] = image
    assert set(found) == set(expected) and {MASK_TOPIC, OVERLAY_TOPIC} <= {topic for topic, _ in found}
    for key, image in found.items():
        same = expected[key]
        assert (image.header.stamp.secs, image.header.stamp.nsecs) == (same.header.stamp.sec, same.header.stamp.nanosec)
        assert (image.height, image.width, image.encoding, image.header.frame_id) == (
            same.height, same.width, same.encoding, same.header.frame_id)  # fmt: skip
        assert bytes(image.data) == same.data.tobytes()


def test_the_command_takes_a_folder_of_ros_2_and_finds_it_done_the_next_time(bag, tmp_path, capsys):
    from rosbags.rosbag2 import Writer as Writer2

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(bag) as reader, Writer2(tmp_path / "bags" / "drive", version=8) as writer:
        copies = {c.id: writer.add_connection(c.topic, c.msgtype, typestore=store) for c in reader.connections}
        for c, time, data in reader.messages():
            writer.write(copies[c.id], time, store.ros1_to_cdr(data, c.msgtype))
    bundle = Path(__file__).parents[3] / "models" / "tabletop"
    command = [str(bundle), str(tmp_path / "bags"), "--output", str(tmp_path / "out")]
    assert predict_command.main(command) == 0
    assert (tmp_path / "out" / "drive_segmented" / "metadata.yaml").is_file()
    assert predict_command.main(command) == 0
    assert "0 made, 1 already there" in capsys.readouterr().out
    assert predict_command.main([*command, "--overwrite"]) == 0
