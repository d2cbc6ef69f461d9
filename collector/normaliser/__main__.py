"""The child: ``python -m collector.normaliser PARENT_PID`` locks itself down, then answers until its pipe closes."""

import base64
import dataclasses
import io
import os
import sys
import warnings

from PIL import Image, ImageCms

from collector.normaliser import frames, lockdown, pixels

# 8 x 8 pixels of grey, so that libheif has loaded all it needs before files are out of reach.
TINY_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAABwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNs"
    "eAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAACAAAAAEAAAAIAAAAAf///8gAAAAC////yAAAAAIAAAAQcGl4"
    "aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAJG1kYXQAAAAYKAGvBBI43PiVoJIwrOcvPKFe3uCR8IqA"
)


def main() -> None:
    """Warm up, lock down, say so, serve."""
    warnings.simplefilter("ignore")  # nobody reads them here
    inward, outward = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not look like a frame
    warm_up()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # from here on decoders print what strangers made them print
    os.dup2(nowhere, 2)
    protections = lockdown.lock_down(parent=int(sys.argv[1]))
    frames.write(outward, {"ready": True, "protections": protections})
    while True:
        try:
            _, data = frames.read(inward)
        except frames.Broken:  # the worker is done with us
            return
        said, body = answer(data)
        frames.write(outward, said, body)


def answer(data: bytes) -> tuple[dict[str, object], bytes]:
    """One photo's frame: the verdict and its numbers, then the JPEG and the thumbnail one behind the other."""
    try:
        made = dataclasses.asdict(pixels.normalise(data))
    except frames.Unreadable as verdict:
        return {"unreadable": str(verdict)}, b""
    jpeg, thumbnail = made.pop("jpeg"), made.pop("thumbnail")
    return {**made, "jpeg_bytes": len(jpeg)}, jpeg + thumbnail


def warm_up() -> None:
    """Decode one small photo of each format: Python and the decoders load parts of themselves only when first used."""
    grey = Image.new("RGB", (8, 8), "grey")
    samples = [TINY_HEIC, b"not a photo"]
    for name in ("JPEG", "PNG", "WEBP"):
        out = io.BytesIO()
        grey.save(out, name, icc_profile=ImageCms.ImageCmsProfile(pixels.SRGB).tobytes())
        samples += [out.getvalue(), out.getvalue()[:-20]]
    for sample in samples:
        answer(sample)


if __name__ == "__main__":
    main()
