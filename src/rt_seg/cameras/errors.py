"""What goes wrong with cameras."""


class CameraError(Exception):
    """A camera cannot be opened, or its stream has ended; the text names it and what to do."""


class CameraFault(CameraError):
    """A camera is there, and does not give images: a reset may help."""


class CameraSettingError(CameraError):
    """What is asked of a camera cannot be had; trying again does not help."""
