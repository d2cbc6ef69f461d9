"""LiteRT files: naming, metadata, 8-bit weights, and running them as a phone would."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.ml.artifacts import METADATA_NAME

OUTPUT = "probabilities"
ALIGNMENT = 16  # bytes; the format demands it of weights, which are mapped and read in place


class Runner:
    """Runs a LiteRT file with the stock interpreter, one photo at a time, as a phone does."""

    def __init__(self, data: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=data, num_threads=threads)
        self._run = self._interpreter.get_signature_runner()

    def __call__(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """``image`` (size, size, 3), 0-255; the answer (labels)."""
        found: npt.NDArray[np.float32] = self._run(image=image[None])[OUTPUT][0]
        return found


def complete(path: Path, *, metadata: str) -> None:
    """Names what comes in and out, adds our metadata, and drops the names between: up to 7% of the file."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(path))
    signature, tensors = model.signatureDefs[0], model.subgraphs[0].tensors
    for number, tensor in enumerate(tensors):
        tensor.name = f"t{number}".encode()
    tensors[signature.inputs[0].tensorIndex].name = signature.inputs[0].name
    tensors[signature.outputs[0].tensorIndex].name = signature.outputs[0].name = OUTPUT.encode()
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(metadata.encode(), np.uint8)
    entry.name, entry.buffer = METADATA_NAME.encode(), len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    path.write_bytes(_packed(model))


def read_metadata(data: bytes) -> str:
    """Our metadata of a file. Raises ``KeyError`` where there is none."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    for entry in model.metadata or []:
        if entry.name == METADATA_NAME.encode():
            return bytes(model.buffers[entry.buffer].data).decode()
    raise KeyError(METADATA_NAME)


def quantise(path: Path, kind: str) -> bytes:
    """The file with 8-bit weights, symmetric, one scale a channel.

    ``dynamic`` also computes in 8 bits, with scales found while running: nearly twice as fast. ``weight_only`` computes
    in float32 and is as exact as its weights.
    """
    from ai_edge_litert.tools import flatbuffer_utils
    from ai_edge_quantizer import quantizer, recipe

    recipes = {"dynamic": recipe.dynamic_wi8_afp32, "weight_only": recipe.weight_only_wi8_afp32}
    work = quantizer.Quantizer(str(path))
    work.load_quantization_recipe(recipes[kind]())
    found = work.quantize().quantized_model
    # Packed anew, so that every weight lies inside the flatbuffer, where the oldest runtimes look for it.
    return _packed(flatbuffer_utils.read_model_from_bytearray(bytearray(found)))


def _packed(model: Any) -> bytes:
    import flatbuffers

    class Builder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
        """Starts every byte vector, that is every weight, at a multiple of ``ALIGNMENT``."""

        def StartVector(self, size: int, count: int, alignment: int) -> Any:  # noqa: N802 - flatbuffers' name
            return super().StartVector(size, count, ALIGNMENT if size == 1 else alignment)

    builder = Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
