"""The smallest real models: the mean of each colour channel, then softmax. They call a red photo "red"."""

from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as tfl
from onnx import TensorProto, helper

SIDE = 32
LABELS = [{"slug": "red", "name": "Red"}, {"slug": "green", "name": "Green"}, {"slug": "blue", "name": "Blue"}]


def make_tflite(channels: int = 3) -> bytes:
    """(1, 32, 32, channels) float32 in, (1, channels) probabilities out."""
    graph = tfl.SubGraphT()
    graph.tensors = [
        _tensor("image", [1, SIDE, SIDE, channels]),
        _tensor("axes", [2], kind=tfl.TensorType.INT32, buffer=1),
        _tensor("mean", [1, channels]),
        _tensor("probabilities", [1, channels]),
    ]
    graph.inputs, graph.outputs = [0], [3]
    graph.operators = [
        _operator(0, [0, 1], [2], tfl.BuiltinOptions.ReducerOptions, tfl.ReducerOptionsT()),
        _operator(1, [2], [3], tfl.BuiltinOptions.SoftmaxOptions, _softmax()),
    ]
    model = tfl.ModelT()
    model.version = 3
    model.operatorCodes = [_code(tfl.BuiltinOperator.MEAN), _code(tfl.BuiltinOperator.SOFTMAX)]
    model.subgraphs = [graph]
    axes = tfl.BufferT()
    axes.data = np.frombuffer(np.array([1, 2], np.int32).tobytes(), np.uint8)
    model.buffers = [tfl.BufferT(), axes]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def make_onnx() -> bytes:
    """(1, 3, 32, 32) float32 in, (1, 3) probabilities out."""
    shape = [1, 3, SIDE, SIDE]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    scores = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 3])
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Softmax", ["mean"], ["probabilities"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    graph = helper.make_graph(nodes, "tiny", [image], [scores], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _tensor(name: str, shape: list[int], *, kind: int = tfl.TensorType.FLOAT32, buffer: int = 0) -> Any:
    tensor = tfl.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), shape, kind, buffer
    return tensor


def _operator(code: int, inputs: list[int], outputs: list[int], kind: int, options: Any) -> Any:
    operator = tfl.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator


def _code(builtin: int) -> Any:
    code = tfl.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code


def _softmax() -> Any:
    options = tfl.SoftmaxOptionsT()
    options.beta = 1.0
    return options
