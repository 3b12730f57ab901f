"""Which ONNX files are taken: one whole graph of standard operators, which can compute and do nothing else."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from models.errors import PackageError

_STANDARD = ("", "ai.onnx")


def check_onnx(file: Path) -> None:
    """Refuse what is no ONNX graph, refers to other files, or has operators that only a library of its own could run.

    Raises
    ------
    PackageError
        ``onnx-unreadable``, ``onnx-external-data`` or ``onnx-custom-operators``.
    """
    try:
        model = onnx.load(file, load_external_data=False)
    except (DecodeError, OSError, ValueError) as why:
        raise PackageError("onnx-unreadable", file=str(file), found=str(why), accepted="an ONNX graph") from why
    if not model.graph.node:
        raise PackageError("onnx-unreadable", file=str(file), found="no graph", accepted="an ONNX graph")
    outside = sorted(
        tensor.name for tensor in _tensors(model.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL
    )
    if outside:
        raise PackageError(
            "onnx-external-data", file=str(file), found=outside[0], accepted="tensors within the file", remedy="re-save"
        )
    domains = {entry.domain for entry in model.opset_import} | {node.domain for node in _nodes(model.graph)}
    if strange := sorted((domains - set(_STANDARD)) | {f.domain + "." + f.name for f in model.functions}):
        raise PackageError(
            "onnx-custom-operators",
            file=str(file),
            found=", ".join(strange),
            accepted="operators of the domain ai.onnx",
        )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as why:
        found = " ".join(str(why).split())[:300]
        raise PackageError("onnx-unreadable", file=str(file), found=found, accepted="a valid ONNX graph") from why


def _nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    inner = [node for one in graph.node for sub in _graphs(one) for node in _nodes(sub)]
    return [*graph.node, *inner]


def _graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [g for a in node.attribute for g in (*([a.g] if a.HasField("g") else []), *a.graphs)]


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    own = [*graph.initializer]
    for sparse in graph.sparse_initializer:
        own += [sparse.values, sparse.indices]
    for node in graph.node:
        for attribute in node.attribute:
            own += [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]
        own += [tensor for sub in _graphs(node) for tensor in _tensors(sub)]
    return own
