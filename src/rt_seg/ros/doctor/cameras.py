"""Checks the connected cameras: cable, permissions, firmware, and other programs that use them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.realsense_device import DeviceInfo, connected_devices, describe
from rt_seg.cameras.video import webcams
from rt_seg.ros.doctor.finding import BAD, NOTE, OK, Finding

INTEL = "8086"
USB_3 = 5000
"""Megabits a second of the slowest USB 3."""
RULES = "config/99-realsense.rules"
INSTALL_RULES = f"sudo cp {RULES} /etc/udev/rules.d/ && sudo udevadm control --reload && sudo udevadm trigger"
"""From the folder of this package."""


class UsbCamera(NamedTuple):
    """A RealSense as the kernel sees it: product, megabits a second, and the file that programs open."""

    product: str
    speed: float
    node: Path


def check_cameras(root: Path = Path("/")) -> List[Finding]:
    """RealSense cameras on USB and in the SDK, and webcams; `root` is the file system's."""
    on_usb = usb_realsense(root)
    findings = [finding for camera in on_usb for finding in judge_usb(camera)]
    if on_usb and not has_rules(root):
        findings.append(Finding(NOTE, "udev", "no rules for RealSense cameras", INSTALL_RULES))
    try:
        infos = [describe(device) for device in connected_devices()]
    except (CameraError, RuntimeError) as error:
        infos = []
        if on_usb:
            findings.append(Finding(NOTE, "RealSense SDK", str(error), "camera:=realsense_sdk needs it"))
    else:
        findings += judge_sdk(infos, len(on_usb))
    found = webcams(root)
    findings += [finding for webcam in found for finding in judge_webcam(webcam, root)]
    if not (on_usb or infos or found):
        findings.append(Finding(OK, "cameras", "no camera is connected; recordings and simulation need none"))
    return findings


def usb_realsense(root: Path) -> List[UsbCamera]:
    """The RealSense cameras that the kernel has found."""
    cameras = []
    for folder in sorted((root / "sys/bus/usb/devices").glob("*")):
        try:
            values = {name: (folder / name).read_text(errors="replace").strip()
                      for name in ("idVendor", "product", "speed", "busnum", "devnum")}  # fmt: skip
        except OSError:
            continue  # an interface or a hub without a name
        if values["idVendor"] == INTEL and "realsense" in values["product"].lower():
            node = root / f"dev/bus/usb/{int(values['busnum']):03d}/{int(values['devnum']):03d}"
            cameras.append(UsbCamera(values["product"], float(values["speed"]), node))
    return cameras


def judge_usb(camera: UsbCamera) -> List[Finding]:
    """Findings about the cable and the permissions of one camera."""
    findings = [Finding(OK, camera.product, f"on USB at {camera.speed:g} Mbit/s")]
    if camera.speed < USB_3:
        findings = [
            Finding(
                NOTE,
                camera.product,
                f"is on USB 2 ({camera.speed:g} Mbit/s): only small sizes and low rates, unreliable",
                "use a USB 3 cable and port, no passive extension; plug it in quickly: slow insertion gives USB 2",
            )
        ]
    if not os.access(str(camera.node), os.R_OK | os.W_OK):
        findings.append(Finding(BAD, camera.product, f"{camera.node}: permission denied for this user", INSTALL_RULES))
    users = programs_with(camera.node)
    if users:
        findings.append(
            Finding(NOTE, camera.product, f"is in use by {', '.join(users)}", "stop it if no image arrives")
        )
    return findings


def has_rules(root: Path) -> bool:
    """Whether udev gives users access to RealSense cameras."""
    for folder in ("etc/udev/rules.d", "lib/udev/rules.d", "usr/lib/udev/rules.d"):
        for path in (root / folder).glob("*realsense*.rules"):
            if INTEL in path.read_text(errors="replace"):
                return True
    return False


def judge_sdk(infos: List[DeviceInfo], on_usb: int) -> List[Finding]:
    """Findings about the cameras that the SDK reports; `on_usb` are those that the kernel has found."""
    findings = []
    for info in infos:
        subject = f"{info.name} {info.serial}".strip()
        findings.append(Finding(OK, subject, f"firmware {info.firmware or 'unknown'}, USB {info.usb or 'unknown'}"))
        if _version(info.firmware) < _version(info.recommended_firmware):
            findings.append(
                Finding(
                    NOTE,
                    subject,
                    f"has firmware {info.firmware}; the installed SDK recommends {info.recommended_firmware}",
                    "update it with realsense-viewer or rs-fw-update of librealsense",
                )
            )
        if info.usb.startswith("2") and not on_usb:
            findings.append(Finding(NOTE, subject, f"is on USB {info.usb}", "use a USB 3 cable and port"))
    if on_usb > len(infos):
        findings.append(
            Finding(
                BAD,
                "RealSense SDK",
                f"finds {len(infos)} of the {on_usb} cameras on USB",
                f"another program uses it, or permissions are missing: {INSTALL_RULES}; then reconnect it",
            )
        )
    return findings


def _version(text: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def judge_webcam(webcam: str, root: Path) -> List[Finding]:
    """Findings about a V4L2 device, named as `webcams` does."""
    node = root / webcam.split(" ")[0].lstrip("/")
    if not os.access(str(node), os.R_OK | os.W_OK):
        advice = "sudo usermod -aG video $USER, and log in again"
        return [Finding(BAD, webcam, "permission denied for this user", advice)]
    users = programs_with(node)
    if users:
        return [Finding(NOTE, webcam, f"is in use by {', '.join(users)}", "stop it: only one program can use a webcam")]
    return [Finding(OK, webcam, "available")]


def programs_with(node: Path) -> List[str]:
    """Programs that have a file open, as "name (process id)"; of other users only where this one may look."""
    found: Dict[str, None] = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(str(link)) == str(node):
                process = link.parents[1]
                found[f"{(process / 'comm').read_text().strip()} ({process.name})"] = None
        except OSError:
            continue
    return list(found)
