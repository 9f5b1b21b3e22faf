"""Checks the installation: interpreter, modules, processor, disk, model bundles."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

from rt_seg.ros.doctor.finding import BAD, NOTE, OK, Finding

MODULES = {
    "numpy": "pip install -r requirements-live.txt",
    "cv2": "pip install -r requirements-live.txt",
    "openvino": "pip install -r requirements-live.txt",
    "rospy": "sudo apt install python3-rospy, or source /opt/ros/noetic/setup.bash",
    "message_filters": "sudo apt install python3-message-filters",
    "dynamic_reconfigure": "sudo apt install python3-dynamic-reconfigure",
}


def check_modules() -> List[Finding]:
    """Whether this interpreter imports what the live half needs."""
    findings = [Finding(OK, "interpreter", f"{sys.executable}, Python {sys.version.split()[0]}")]
    for name, advice in MODULES.items():
        try:
            module = importlib.import_module(name)
        except Exception as error:  # compiled modules fail in ways of their own, such as against another NumPy
            findings.append(Finding(BAD, name, f"cannot be imported: {error}", advice))
        else:
            findings.append(Finding(OK, name, str(getattr(module, "__version__", "present"))))
    findings.append(check_cv_bridge())
    findings += check_python_on_path()
    return findings


def check_cv_bridge() -> Finding:
    """Whether cv_bridge works: rt_seg has a way around it, other packages may not."""
    try:
        importlib.import_module("cv_bridge").CvBridge()
    except Exception as error:  # its compiled half fails in ways of its own
        advice = "rt_seg then converts images with NumPy; other packages need the distribution's Python and NumPy"
        return Finding(NOTE, "cv_bridge", f"does not work: {error}", advice)
    return Finding(OK, "cv_bridge", "present")


def check_python_on_path() -> List[Finding]:
    """Whether the python3 on PATH, which tools such as dynparam run under, can import ROS."""
    python = shutil.which("python3")
    if python is None or os.path.realpath(python) == os.path.realpath(sys.executable):
        return []
    found = subprocess.run([python, "-c", "import rospy"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if found.returncode == 0:
        return []
    advice = "source the workspace's setup.bash after pyenv or conda, or start with PATH=/usr/bin:$PATH"
    return [Finding(NOTE, "python3", f"the first one on PATH is {python}, which cannot import ROS", advice)]


def check_machine() -> List[Finding]:
    """Processor cores, their instruction sets and load, and free disk space."""
    findings = []
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    flags = set(next((line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith("flags")), ()))
    units = [name for name in ("amx_bf16", "amx_int8", "avx512_vnni", "avx_vnni", "avx512f", "avx2") if name in flags]
    cores = os.cpu_count() or 1
    findings.append(
        Finding(
            OK if cores > 1 else NOTE,
            "processor",
            f"{cores} cores, {', '.join(units) or 'no AVX2'}",
            "" if cores > 1 else "camera, network and viewer share one core",
        )
    )
    if not units:
        findings.append(Finding(NOTE, "processor", "networks run slowly without AVX2", "use a newer processor"))
    load = os.getloadavg()[0]
    if load > cores + 0.5:
        findings.append(
            Finding(
                NOTE,
                "load",
                f"load average {load:.1f} on {cores} cores",
                "other processes delay the masks: see `top`",
            )
        )
    free = shutil.disk_usage(str(Path.home())).free / 2**30
    findings.append(
        Finding(
            OK if free > 2 else NOTE,
            "disk",
            f"{free:.0f} GB free in {Path.home()}",
            "" if free > 2 else "recordings and saved frames need disk space",
        )
    )
    return findings


def check_bundles(folders: List[Path]) -> List[Finding]:
    """Manifest and hashes of model bundles."""
    from rt_seg.bundle import BundleError, load_bundle, verify_files

    findings = []
    for folder in folders:
        try:
            bundle = load_bundle(folder)
            for engine in bundle.engines:
                verify_files(engine, bundle.folder)
        except BundleError as error:
            findings.append(Finding(BAD, f"model {folder.name}", str(error), "copy or export the bundle again"))
        else:
            channels = "colour and depth" if bundle.input.with_depth else "colour"
            classes = f"{bundle.version}, {len(bundle.labels)} classes from {channels}, files as exported"
            findings.append(Finding(OK, f"model {folder.name}", classes))
    if not findings:
        findings.append(
            Finding(BAD, "models", "none found", "pass --bundle FOLDER, or make one with rosrun rt_seg export")
        )
    return findings


def installed_bundles() -> List[Path]:
    """The user's own bundles and those of this package."""
    from rt_seg.model_home import known_bundles

    return [folder for _, folder in sorted(known_bundles().items())]
