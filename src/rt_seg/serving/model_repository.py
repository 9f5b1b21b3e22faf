"""Folders that inference servers read: NAME/VERSION/… in the layouts of Triton, OpenVINO Model Server and MLServer."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import Bundle, BundleError, load_bundle, verify_files
from rt_seg.command_line import command_parser

SERVERS = ("mlserver", "triton", "ovms")
VERSION = "1"
"""Number of a model's version in a repository; a bundle's own version is a text."""
RUNTIME = "rt_seg.serving.segmentation_runtime.SegmentationRuntime"
EXAMPLE = """
  rosrun rt_seg model_repository tabletop --for mlserver --output repository
  mlserver start repository
  rosrun rt_seg segmentation_node _bundle:=tabletop _runtime:=remote _server:=localhost:8081 \\
      color/image_raw:=/camera/color/image_raw

docs/fleet.md says what each server needs."""
_TYPES = {"u8": "TYPE_UINT8", "f32": "TYPE_FP32"}


def write_repository(bundle: Bundle, server: str, folder: Path) -> Path:
    """Write a bundle for a server of SERVERS into the repository `folder`, beside what is there; returns its folder.

    Raises BundleError where the bundle holds no network that the server runs, OSError.
    """
    place = folder / bundle.name
    version = place / VERSION
    if version.exists():
        shutil.rmtree(version)
    if server == "mlserver":
        _write_mlserver(bundle, folder, place, version)
        return place
    files = bundle.engine("openvino")
    onnx = bundle.engine("onnxruntime") if server == "triton" else None
    chosen = onnx or files
    if chosen is None:
        raise BundleError(f"{bundle.folder}: contains no network for {server}; export it again")
    verify_files(chosen, bundle.folder)
    version.mkdir(parents=True)
    if onnx is not None:
        shutil.copy2(onnx.path, version / "model.onnx")
    else:
        _, *weights = _network_files(chosen)
        shutil.copy2(chosen.path, version / "model.xml")
        shutil.copy2(weights[0], version / "model.bin")
    if server == "triton":
        text = _triton_configuration(bundle, chosen.path, "onnxruntime" if onnx is not None else "openvino")
        write_atomically(place / "config.pbtxt", text.encode())
    return place


def write_repositories(bundle: Bundle, servers: Sequence[str], folder: Path) -> Dict[str, Path]:
    """Write a bundle for each of these servers; returns the model's folder by server. Raises as `write_repository`.

    A model is laid out for one server, so several have repositories of their own, named as they are.
    """
    roots = {server: folder / server if len(servers) > 1 else folder for server in servers}
    return {server: write_repository(bundle, server, root) for server, root in roots.items()}


def _network_files(files: Any) -> List[Path]:
    from rt_seg.engines.openvino import network_and_weights

    found = [Path(name) for name in network_and_weights(files)]
    return found if len(found) == 2 else [found[0], found[0].with_suffix(".bin")]


def _write_mlserver(bundle: Bundle, folder: Path, place: Path, version: Path) -> None:
    # Without what only a training reads.
    shutil.copytree(bundle.folder, version, ignore=shutil.ignore_patterns("weights.safetensors", "*.md"))
    inputs = ["image", *(["depth"] if bundle.input.with_depth else [])]
    settings = {
        "name": bundle.name,
        "implementation": RUNTIME,
        "platform": "rt_seg",
        "parameters": {"uri": f"./{VERSION}", "version": bundle.version},
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [1]} for name in inputs],
        "outputs": [{"name": "logits", "datatype": "BYTES", "shape": [1]}],
    }
    write_atomically(place / "model-settings.json", json.dumps(settings, indent=2).encode() + b"\n")
    if not (folder / "settings.json").exists():
        server = {
            # In the server's own process: between processes each image would be copied and pickled.
            "parallel_workers": 0, "host": "127.0.0.1", "http_port": 8080, "grpc_port": 8081, "metrics_port": 8082,
            "grpc_max_message_length": 2**26, "debug": False,
        }  # fmt: skip
        write_atomically(folder / "settings.json", json.dumps(server, indent=2).encode() + b"\n")


def _triton_configuration(bundle: Bundle, network: Path, backend: str) -> str:
    import openvino

    model = openvino.Core().read_model(str(network))
    lines = [f'name: "{bundle.name}"', f'backend: "{backend}"', "max_batch_size: 0"]
    for kind, ports in (("input", model.inputs), ("output", model.outputs)):
        for port in ports:
            dims = ", ".join(str(side) for side in port.partial_shape.to_shape())
            data = _TYPES[port.element_type.get_type_name()]
            lines.append(f'{kind} [ {{ name: "{port.any_name}" data_type: {data} dims: [ {dims} ] }} ]')
    return "\n".join(lines) + "\n"


def add_server_option(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add `--for`."""
    parser.add_argument(
        "--for", dest="servers", nargs="+", choices=SERVERS, default=[], required=required,
        help="inference servers for which a model_repository is written",
    )  # fmt: skip


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; returns the exit status: 0, or 2 with one line on stderr for bad input."""
    parser = command_parser("model_repository", description="Write a model bundle for an inference server.",
                            example=EXAMPLE)  # fmt: skip
    parser.add_argument("bundle", metavar="BUNDLE", help="folder or name of the model bundle")
    parser.add_argument("--output", type=Path, default=Path("model_repository"), help="folder (default: %(default)s)")
    add_server_option(parser, required=True)
    options = parser.parse_args(arguments)
    try:
        for server, place in write_repositories(load_bundle(options.bundle), options.servers, options.output).items():
            print(f"{server}: {place}")
    except (BundleError, OSError) as error:
        print(f"model_repository: {error}", file=sys.stderr)
        return 2
    return 0
