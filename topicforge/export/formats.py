"""The formats of exported models: how each is written and opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn

from topicforge.errors import MissingExtraError
from topicforge.ops._library import REFERENCES

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        record: (module, example arguments, files to put inside by name) -> the bytes of the file.
        open: those bytes, and names of files inside -> the function, and those files.
    """

    record: Callable[[nn.Module, Sequence[Tensor], Mapping[str, str]], bytes]
    open: Callable[[bytes, Sequence[str]], tuple[Function, dict[str, str]]]


def _trace(module: nn.Module, example: Sequence[Tensor], files: Mapping[str, str]) -> bytes:
    traced = torch.jit.trace(module, tuple(example), check_trace=False)  # type: ignore[no-untyped-call]
    file = BytesIO()
    torch.jit.save(traced, file, _extra_files=dict(files))
    return file.getvalue()


def _open_traced(data: bytes, names: Sequence[str]) -> tuple[Function, dict[str, str]]:
    files = dict.fromkeys(names, "")
    loaded = torch.jit.load(BytesIO(data), _extra_files=files)  # type: ignore[no-untyped-call]
    return loaded, {name: _text(value) for name, value in files.items()}


def _program(module: nn.Module, example: Sequence[Tensor]) -> torch.export.ExportedProgram:
    from torch.fx.experimental import _config

    dynamic = tuple({0: torch.export.Dim.DYNAMIC} for _ in example)
    # without it a batch of one document is another graph, and refused
    with _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        return torch.export.export(module, tuple(example), dynamic_shapes=(*dynamic,), strict=False)


def _export(module: nn.Module, example: Sequence[Tensor], files: Mapping[str, str]) -> bytes:
    file = BytesIO()
    torch.export.save(_program(module, example), file, extra_files=dict(files))
    return file.getvalue()


def _open_exported(data: bytes, names: Sequence[str]) -> tuple[Function, dict[str, str]]:
    files = dict.fromkeys(names, "")
    program = torch.export.load(BytesIO(data), extra_files=files)
    return program.module(), {name: _text(value) for name, value in files.items()}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


# ---- ONNX ---------------------------------------------------------------------------------------

_INPUTS = ("crow", "col", "count", "features")


def _rows(repeats: Tensor, output_size: int | None = None) -> Tensor:
    """The row of each entry, where row b has repeats[b] of them, (nnz,): ONNX has no repeat_interleave."""
    ends = repeats.cumsum(0)[:-1]
    starts = repeats.new_zeros(output_size + 1 if output_size is not None else 1)
    return _sum_rows(starts, ends, torch.ones_like(ends)).cumsum(0)[:-1]


def _sum_rows(zeros: Tensor, row: Tensor, source: Tensor) -> Tensor:
    """Add to each row of zeros the entries of ``source`` that belong to it.

    By scatter_add, ONNX's ScatterElements: onnxruntime adds those in order, where the several threads of
    ScatterND (index_add, index_put) lose sums of one row to each other (1.32: theta off by 0.003).
    """
    index = row if source.ndim == 1 else row[:, None].expand_as(source)
    return zeros.scatter_add(0, index, source)


def _index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, alpha: float = 1) -> Tensor:
    if dim != 0:
        raise NotImplementedError("index_add along another dimension than the first")
    return _sum_rows(x, index, alpha * source)


def _log1p(x: Tensor) -> Tensor:
    """As x log(u) / (u - 1) with u = 1 + x rounded (Goldberg 1991, theorem 4): ONNX has no log1p."""
    u = 1 + x
    return torch.where(u == 1, x, x * u.log() / torch.where(u == 1, 1, u - 1))


def _softplus(x: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(βx)) / β; ONNX's own loses what a small variance is made of."""
    return torch.where(
        beta * x > threshold, x, _log1p((beta * x).clamp_max(threshold).exp()) / beta
    )


def _embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Σ of weighted rows by gathering and scattering, for bags that end where ``offsets`` says."""
    del scale_grad_by_freq, sparse, padding_idx
    if mode != 0 or not include_last_offset:
        raise NotImplementedError("embedding_bag other than a sum, with the last offset included")
    rows = weight[indices]
    if per_sample_weights is not None:
        rows = rows * per_sample_weights[:, None]
    of = _rows(offsets.diff(), indices.shape[0])
    total = weight.new_zeros(offsets.shape[0] - 1, weight.shape[1])
    none = offsets.new_zeros(0)
    return _sum_rows(total, of, rows), none, none, none


def _wide(reference: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """In float64: differences of squared distances cost float32 more than the digits promised here."""
    return lambda *tensors: reference(*(x.double() for x in tensors)).float()


def _to_onnx(module: nn.Module, example: Sequence[Tensor], files: Mapping[str, str]) -> bytes:
    onnx = _onnx("onnx")
    _onnx("onnxscript")
    # first: operators have no reference before a part has called them
    program = _program(module, example)
    aten = torch.ops.aten
    table: dict[Any, Callable[..., Any]] = {
        aten.repeat_interleave.Tensor: _rows,
        aten.index_add.default: _index_add,
        aten.log1p.default: _log1p,
        aten.softplus.default: _softplus,
        aten._embedding_bag_forward_only.default: _embedding_bag,
    }
    for name, reference in REFERENCES.items():
        if hasattr(torch.ops.topicforge, name):
            operator = getattr(torch.ops.topicforge, name).default
            table[operator] = _wide(reference) if name == "mixture_responsibilities" else reference
    program = program.run_decompositions({**torch.export.default_decompositions(), **table})
    with _quiet("torch.onnx", "onnxscript", "onnx_ir"):
        written = torch.onnx.export(
            program, dynamo=True, verbose=False,
            input_names=_INPUTS[: len(example)], output_names=["theta"],
        )  # fmt: skip
    assert written is not None
    proto = written.model_proto
    onnx.helper.set_model_props(proto, dict(files))
    serialised: bytes = proto.SerializeToString()
    return serialised


def _open_onnx(data: bytes, names: Sequence[str]) -> tuple[Function, dict[str, str]]:
    session = _onnx("onnxruntime").InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs = [one.name for one in session.get_inputs()]
    properties = session.get_modelmeta().custom_metadata_map

    def run(*arguments: Tensor) -> Tensor:
        given = zip(inputs, arguments, strict=True)
        return torch.from_numpy(session.run(None, {name: x.numpy() for name, x in given})[0])

    return run, {name: properties[name] for name in names}


def _onnx(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"export: ONNX needs the library {name}, which is not installed; pip install 'topicforge[onnx]'"
        ) from error


@contextmanager
def _quiet(*loggers: str) -> Iterator[None]:
    """Only errors of libraries that tell of their own workings."""
    found = [logging.getLogger(name) for name in loggers]
    levels = [log.level for log in found]
    for log in found:
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for log, level in zip(found, levels, strict=True):
            log.setLevel(level)


FORMATS = {
    "torchscript": Format(_trace, _open_traced),
    "torch-export": Format(_export, _open_exported),
    "onnx": Format(_to_onnx, _open_onnx),
}
