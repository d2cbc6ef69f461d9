"""Closed lists the hub's requests are checked against."""

from django.db.models import TextChoices


class Runtime(TextChoices):
    """What runs the artifact on the phone."""

    COREML = "coreml"
    LITERT = "litert"
    ONNX = "onnx"


class Platform(TextChoices):
    """What the app runs on."""

    IOS = "ios"
    ANDROID = "android"
    LINUX = "linux"


# What can run where; other pairs have no document. Phones of one pair share one document.
RUNTIMES_BY_PLATFORM: dict[Platform, tuple[Runtime, ...]] = {
    Platform.IOS: (Runtime.COREML, Runtime.LITERT, Runtime.ONNX),
    Platform.ANDROID: (Runtime.LITERT, Runtime.ONNX),
    Platform.LINUX: (Runtime.LITERT, Runtime.ONNX),
}
