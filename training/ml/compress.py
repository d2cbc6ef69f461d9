"""Stage compress: rounds the weights to 8 bits, and writes Core ML packages (fp16, 8-bit weights) and the ONNX file."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch

from training.ml import artifacts, reject
from training.ml.contract import Artifact, Progress, RunSpec
from training.ml.coremltools_door import coremltools
from training.ml.networks import WithSoftmax, ready_to_export
from training.ml.rounding import write_rounded
from training.ml.saved import SavedModel
from training.ml.workspace import Work

OPSET = 18
SMALLEST_8BIT = 256  # values: below this the scales would cost more than the 8 bits save
OUTPUT = "probabilities"


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes the three files; returns their entries. Raises ``ProblemsFoundError`` for photos at fault."""
    del spec
    model = reject.read_fitted(work)
    exported = ready_to_export(model.network)
    rounded = write_rounded(model, work, out, progress)
    message = "writing files for phones"
    progress.report(0, 3, message)
    found = [_write_onnx(exported, model, out)]
    progress.report(1, 3, message)
    found.append(_write_coreml(exported, model, out, "fp16"))
    progress.report(2, 3, message)
    found.append(_write_coreml(rounded, model, out, "int8"))
    progress.report(3, 3, message)
    return {"artifacts": [artifact.to_json() for artifact in sorted(found, key=lambda one: one.file)]}


def _write_onnx(exported: WithSoftmax, model: SavedModel, out: Path) -> Artifact:
    import onnx

    path = out / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported, (_example(model),), path, input_names=["image"], output_names=[OUTPUT],
            opset_version=OPSET, dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    written = onnx.load(path)
    for node in written.graph.node:
        del node.metadata_props[:]  # where in our source each node came from: 100 KB, and nobody's business
    for value in [*written.graph.value_info, *written.graph.input, *written.graph.output]:
        del value.metadata_props[:]
    del written.graph.metadata_props[:]
    onnx.helper.set_model_props(written, {artifacts.METADATA_NAME: artifacts.metadata(model)})
    written.producer_version, written.doc_string = "", ""
    onnx.checker.check_model(written, full_check=True)
    path.write_bytes(written.SerializeToString(deterministic=True))
    tensor = artifacts.tensor_input(model.contract.size, layout="NCHW")
    return artifacts.describe(path, runtime="onnx", precision="fp32", kind="onnx", tensor_input=tensor)


def _write_coreml(exported: WithSoftmax, model: SavedModel, out: Path, precision: str) -> Artifact:
    ct = coremltools()
    import coremltools.optimize.coreml as cto  # after the line above

    traced = torch.jit.trace(exported, _example(model), check_trace=False)  # type: ignore[no-untyped-call]  # untyped in torch
    size = model.contract.size
    package = ct.convert(
        traced,
        inputs=[ct.ImageType(name="image", shape=(1, 3, size, size), color_layout=ct.colorlayout.RGB)],
        outputs=[ct.TensorType(name=OUTPUT)],
        classifier_config=ct.ClassifierConfig(list(model.slugs), predicted_probabilities_output=OUTPUT),
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT16,
        skip_model_load=True,
    )
    if precision == "int8":
        # Never enable_per_channel_scale: it corrupts weights without a word (coremltools pull request 2777).
        rule = cto.OpLinearQuantizerConfig(
            mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=SMALLEST_8BIT
        )
        package = cto.linear_quantize_weights(package, cto.OptimizationConfig(global_config=rule))
    return _pack(package, model, out, precision)


def _pack(package: Any, model: SavedModel, out: Path, precision: str) -> Artifact:
    """Writes a package with our metadata, no date and stable names, zipped."""
    ct = coremltools()
    spec = package.get_spec()
    # The classifier calls them <class>_probs, whatever name was asked for.
    ct.utils.rename_feature(spec, spec.description.predictedProbabilitiesName, OUTPUT, rename_inputs=False)
    about = spec.description.metadata
    about.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    about.userDefined[artifacts.METADATA_NAME] = artifacts.metadata(model)
    path = out / f"coreml-{precision}.mlpackage.zip"
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        folder = Path(scratch) / "model.mlpackage"
        ct.models.utils.save_spec(spec, str(folder), weights_dir=package.weights_dir)
        proto = folder / "Data" / "com.apple.CoreML" / "model.mlmodel"
        proto.write_bytes(spec.SerializeToString(deterministic=True))
        artifacts.name_items_by_path(folder)
        artifacts.zip_folder(folder, path)
    tensor = artifacts.tensor_input(model.contract.size, layout="image") | {"dtype": "uint8"}
    return artifacts.describe(path, runtime="coreml", precision=precision, kind="mlpackage.zip", tensor_input=tensor)


def _example(model: SavedModel) -> torch.Tensor:
    return torch.zeros(1, 3, model.contract.size, model.contract.size)
