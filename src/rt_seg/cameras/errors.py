"""Errors of cameras."""


class CameraError(Exception):
    """A camera cannot be opened, or its stream has ended; the text names it and what to do."""


class CameraFault(CameraError):
    """A camera is connected, but delivers no images: a reset may help."""


class CameraSettingError(CameraError):
    """A camera does not support what was requested; retrying does not help."""
