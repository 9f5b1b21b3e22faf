"""Bags of all kinds that hold the same recording are read alike, and copied into one of their kind."""

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags needs Python 3.10")

from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from rt_seg.recordings.any_bag import kind_of_bag, open_bag
from rt_seg.recordings.bag import IMAGE, MCAP_ROS1, ROS1, ROS2, AnyBagError, Moment
from rt_seg.recordings.mcap_ros1 import Mcap1Writer

TEXT = "std_msgs/msg/String"
TOPIC = "/camera/color/image_raw"
STORE1, STORE2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
KINDS = {"lz4.bag": ROS1, "bz2.bag": ROS1, "folder": ROS2, "folder_mcap": ROS2, "single.db3": ROS2,
         "single.mcap": ROS2, "ros1.mcap": MCAP_ROS1}  # fmt: skip


def image(store, number):
    stamp = store.types["builtin_interfaces/msg/Time"](100 + number, 5)
    header = store.types["std_msgs/msg/Header"](
        **({"seq": number} if store is STORE1 else {}), stamp=stamp, frame_id="optical"
    )
    pixels = np.random.default_rng(number).integers(0, 256, 6 * 8 * 3, np.uint8)
    return store.types[IMAGE](header, 6, 8, "rgb8", 0, 24, pixels)


def messages(store):
    for number in range(4):
        yield TOPIC, IMAGE, (100 + number) * 10**9, image(store, number)
    yield "/note", TEXT, 104 * 10**9, store.types[TEXT]("end")


def write(folder, name):
    """The recording as a bag of this kind."""
    path = folder / name
    if name.endswith(".bag"):
        writer = Writer1(path)
        writer.set_compression(getattr(Writer1.CompressionFormat, name.split(".")[0].upper()))
        with writer:
            connections = {}
            for topic, kind, time, message in messages(STORE1):
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=STORE1)
                writer.write(connections[topic], time, STORE1.serialize_ros1(message, kind))
    elif name == "ros1.mcap":
        writer, channels = Mcap1Writer(path), {}
        for topic, kind, time, message in messages(STORE1):
            if topic not in channels:
                definition, digest = STORE1.generate_msgdef(kind)
                channels[topic] = writer.add_channel(
                    topic, kind.replace("/msg/", "/"), definition.encode(), {"md5sum": digest}
                )
            writer.write(channels[topic], time, bytes(STORE1.serialize_ros1(message, kind)))
        writer.close()
    else:
        whole = path if name.startswith("folder") else folder / f"parts_{path.stem}{path.suffix[1:]}"
        plugin = StoragePlugin.MCAP if "mcap" in name else StoragePlugin.SQLITE3
        with Writer2(whole, version=8, storage_plugin=plugin) as writer:
            connections = {}
            for topic, kind, time, message in messages(STORE2):
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=STORE2)
                writer.write(connections[topic], time, STORE2.serialize_cdr(message, kind))
        if whole != path:
            (stored,) = (part for part in whole.iterdir() if part.suffix in (".mcap", ".db3"))
            stored.rename(path)
    return path


def read(path):
    """Everything in a bag, as (topic, type, time, fields of the message)."""
    found = []
    with open_bag(path) as bag:
        for stream, time, data in bag.messages():
            message = STORE1.deserialize_ros1(bag.ros1(stream, data), stream.msgtype)
            if stream.msgtype == TEXT:
                found.append((stream.topic, time, message.data))
            else:
                stamp = message.header.stamp
                found.append((stream.topic, time, stamp.sec, stamp.nanosec, message.header.frame_id, message.height,
                              message.width, message.encoding, message.data.tobytes()))  # fmt: skip
    return found


@pytest.mark.parametrize("name", KINDS)
def test_all_kinds_are_told_apart_and_read_alike(tmp_path, name):
    path = write(tmp_path, name)
    assert kind_of_bag(path) == KINDS[name]
    reference = read(write(tmp_path, "reference_lz4.bag".replace("reference_", "")) if name != "lz4.bag" else path)
    assert read(path) == reference and len(reference) == 5
    with open_bag(path) as bag:
        assert {(stream.topic, stream.msgtype, stream.msgcount) for stream in bag.streams} == {
            (TOPIC, IMAGE, 4), ("/note", TEXT, 1)
        }  # fmt: skip
        assert [time for _, time, _ in bag.messages([TOPIC])] == [(100 + number) * 10**9 for number in range(4)]


@pytest.mark.parametrize("name", KINDS)
def test_a_copy_is_of_the_same_kind_and_holds_the_same_and_an_image_more(tmp_path, name):
    path = write(tmp_path, name)
    target = tmp_path / "out" / f"copy{path.suffix}"
    mask = np.arange(48, dtype=np.uint8).reshape(6, 8)
    with open_bag(path) as bag, bag.writer_like(target) as copy:
        for stream, time, data in bag.messages():
            copy.copy(stream, time, data)
            if stream.topic == TOPIC:
                copy.write_image("/segmentation/mask", time, Moment(100, 7, "optical", 3), mask, "mono8")
    assert kind_of_bag(target) == KINDS[name]
    assert target.is_dir() == path.is_dir()
    assert [entry for entry in read(target) if entry[0] != "/segmentation/mask"] == read(path)
    masks = [entry for entry in read(target) if entry[0] == "/segmentation/mask"]
    assert len(masks) == 4
    assert masks[0][1:] == (100 * 10**9, 100, 7, "optical", 6, 8, "mono8", mask.tobytes())
    assert [part.name for part in target.parent.iterdir()] == [target.name]


def test_a_copy_that_fails_leaves_nothing(tmp_path):
    path = write(tmp_path, "folder")
    with pytest.raises(RuntimeError), open_bag(path) as bag, bag.writer_like(tmp_path / "out" / "copy"):
        raise RuntimeError
    assert not list((tmp_path / "out").iterdir())


def test_an_mcap_of_ros_1_has_the_profile_and_the_schemas_that_viewers_look_for(tmp_path):
    from mcap.reader import make_reader

    with write(tmp_path, "ros1.mcap").open("rb") as file:
        reader = make_reader(file)
        assert reader.get_header().profile == "ros1"
        summary = reader.get_summary()
    schemas = {schema.name: schema for schema in summary.schemas.values()}
    assert set(schemas) == {"sensor_msgs/Image", "std_msgs/String"}
    assert {schema.encoding for schema in schemas.values()} == {"ros1msg"}
    text = schemas["sensor_msgs/Image"].data.decode()
    assert "uint8[] data" in text and "MSG: std_msgs/Header" in text
    channels = {channel.topic: channel for channel in summary.channels.values()}
    assert channels[TOPIC].message_encoding == "ros1"
    assert channels[TOPIC].metadata["md5sum"] == "060021388200f6f0f447d0fcd9c64743"


@pytest.mark.parametrize("name", ["folder", "single.mcap", "ros1.mcap", "single.db3"])
def test_damage_is_told_and_raises_one_kind_of_error(tmp_path, name):
    path = write(tmp_path, name)
    damaged = next(path.glob("*.db3")) if path.is_dir() else path
    data = damaged.read_bytes()
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(AnyBagError):
        read(path)


def test_what_is_no_bag_is_told(tmp_path):
    (tmp_path / "a.mcap").write_bytes(b"no")
    assert kind_of_bag(tmp_path / "a.mcap") is None
    assert kind_of_bag(tmp_path) is None
    with pytest.raises(AnyBagError, match="is not a bag"), open_bag(tmp_path / "a.mcap"):
        pass
    with pytest.raises(FileNotFoundError), open_bag(tmp_path / "b.mcap"):
        pass
