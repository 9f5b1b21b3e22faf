"""Prints the folder of a model bundle, by name or path, or says why it cannot be used, before anything is started:
roslaunch would end with 0 all the same."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from rt_seg.bundle import BundleError, load_bundle, verify_files  # noqa: E402

try:
    bundle = load_bundle(sys.argv[1])
    for engine in bundle.engines:
        verify_files(engine, bundle.folder)
except BundleError as error:
    sys.exit(f"rt_seg: {error}")
print(bundle.folder.resolve())
