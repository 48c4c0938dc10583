"""Small random model files for the native engine, and the same formulas in float64."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from edgebert import _native

Array = npt.NDArray[np.floating]

TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


@dataclass(frozen=True)
class Shape:
    layers: int = 2
    hidden: int = 64
    heads: int = 4
    intermediate: int = 128
    vocabulary: int = 50
    max_tokens: int = 40


@dataclass(frozen=True)
class Model:
    """Weights [outputs, inputs] by name, what the metadata says, and the linear layers that INT8 leaves in FP32."""

    shape: Shape
    tensors: dict[str, npt.NDArray]
    settings: dict[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()

    @property
    def int8(self) -> bool:
        return self.settings["precision"] == "int8"

    @property
    def wide(self) -> bool:
        return self.settings.get("activations") == "14"

    @property
    def weight_max(self) -> int:
        return 127 if self.wide else 64

    def quantizes(self, linear: str) -> bool:
        """Say whether a linear layer is INT8."""
        return self.int8 and linear.startswith("layer.") and linear not in self.kept


def make(shape: Shape = Shape(), seed: int = 0, labels: int = 0, **settings: str) -> Model:
    """A random model; ``labels`` above zero make it a classifier, or a model of ``task`` "tag" or "answer"."""
    rng = np.random.default_rng(seed)
    hidden, wide = shape.hidden, shape.intermediate
    tensors: dict[str, npt.NDArray] = {}

    def normal(name: str, *extents: int, scale: float = 1.0, mean: float = 0.0) -> None:
        tensors[name] = (rng.standard_normal(extents) * scale + mean).astype(np.float32)

    def linear(name: str, inputs: int, outputs: int) -> None:
        normal(f"{name}.weight", outputs, inputs, scale=inputs**-0.5)
        normal(f"{name}.bias", outputs, scale=0.1)

    def norm(name: str) -> None:
        normal(f"{name}.weight", hidden, scale=0.2, mean=1.0)
        normal(f"{name}.bias", hidden, scale=0.1)

    normal("embeddings.word", shape.vocabulary, hidden)
    normal("embeddings.position", shape.max_tokens, hidden, scale=0.3)
    normal("embeddings.type", 2, hidden, scale=0.3)
    norm("embeddings.norm")
    for layer in range(shape.layers):
        linear(f"layer.{layer}.qkv", hidden, 3 * hidden)
        linear(f"layer.{layer}.attention_output", hidden, hidden)
        linear(f"layer.{layer}.intermediate", hidden, wide)
        linear(f"layer.{layer}.output", wide, hidden)
        norm(f"layer.{layer}.attention_norm")
        norm(f"layer.{layer}.output_norm")
    if labels:
        if settings.get("task", "classify") == "classify":
            linear("pooler", hidden, hidden)
        linear("classifier", hidden, labels)
    names = TAGS[:labels] if settings.get("task") == "tag" else [f"label {i}" for i in range(labels)]
    head = {"task": "classify", "labels": json.dumps(names)}
    chosen = {"precision": "int8", "task": "embed", "pooling": "mean", "normalize": "true"}
    chosen |= {"problem_type": "single_label_classification"} | (head if labels else {}) | settings
    return Model(shape, tensors, chosen)


def quantize_weight(weight: Array, limit: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Codes from -limit to limit and a scale an output."""
    scale = (np.abs(weight).max(axis=1) / limit).astype(np.float32)
    return np.rint(weight / scale[:, None]).clip(-limit, limit).astype(np.int8), scale


def quantize_table(table: Array) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    scale = (np.abs(table).max(axis=1) / 127).astype(np.float32)
    return np.rint(table / scale[:, None]).astype(np.int8), scale


def _padded(values: npt.NDArray) -> npt.NDArray:
    return np.pad(values, (0, -len(values) % 16))


def smoothing(name: str, inputs: int) -> npt.NDArray[np.float32]:
    """The smoothing vector that the files here give to every second linear layer."""
    return (0.5 + np.arange(inputs) % 7 / 6).astype(np.float32) if name.endswith(("qkv", "output")) else None


def file_tensors(model: Model) -> dict[str, npt.NDArray]:
    """The tensors as a model file has them."""
    out: dict[str, npt.NDArray] = {}
    for name, value in model.tensors.items():
        stem, _, kind = name.rpartition(".")
        linear = f"{stem}.weight" in model.tensors and model.tensors[f"{stem}.weight"].ndim == 2
        quantized = linear and model.quantizes(stem)
        if kind == "bias" and linear:
            out[name] = _padded(value)
        elif kind == "weight" and quantized:
            smooth = smoothing(stem, value.shape[1])
            codes, scale = quantize_weight(value if smooth is None else value / smooth, model.weight_max)
            out[name] = _native.pack_int8(codes)
            out[f"{stem}.scale"] = _padded(scale)
            out[f"{stem}.column_sum"] = _padded(codes.sum(axis=1, dtype=np.int32))
            if smooth is not None:
                out[f"{stem}.smoothing"] = smooth
        elif kind == "weight" and linear:
            out[name] = _native.pack_fp32(value)
        elif name == "embeddings.word" and model.int8:
            out["embeddings.word.rows"], out["embeddings.word.scales"] = quantize_table(value)
        else:
            out[name] = value
    return out


def file_bytes(tensors: dict[str, npt.NDArray], metadata: dict[str, str]) -> bytes:
    """A safetensors file with every tensor at a multiple of 64 bytes and the right checksum."""
    names = {"float32": "F32", "int8": "I8", "int32": "I32", "uint8": "U8", "uint32": "U32", "int64": "I64"}
    header: dict[str, object] = {"__metadata__": metadata | {"edgebert.crc32c": "00000000"}}
    data = bytearray()
    for name, tensor in tensors.items():
        raw = np.ascontiguousarray(tensor).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": names[str(tensor.dtype)], "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
        if gap := -len(data) % 64:
            offsets = [len(data), len(data) + gap]
            header[f"padding.{len(header)}"] = {"dtype": "U8", "shape": [gap], "data_offsets": offsets}
            data += bytes(gap)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return seal(len(text).to_bytes(8, "little") + text + bytes(data))


def seal(content: bytes) -> bytes:
    """Put the right checksum into a file."""
    key = b'"edgebert.crc32c":"'
    place = content.index(key) + len(key)
    zeroed = content[:place] + b"00000000" + content[place + 8 :]
    return zeroed[:place] + b"%08x" % _native.crc32c(zeroed) + zeroed[place + 8 :]


def metadata(model: Model) -> dict[str, str]:
    shape = {name: str(value) for name, value in vars(model.shape).items()}
    fixed = {"format": "1", "name": "random", "activation": "gelu", "layer_norm_epsilon": "1e-12"}
    return {f"edgebert.{name}": value for name, value in (fixed | shape | model.settings).items()}


def write(model: Model, path: Path) -> Path:
    path.write_bytes(file_bytes(file_tensors(model), metadata(model)))
    return path


def float_attention(q: Array, k: Array, v: Array) -> Array:
    """Each [heads, tokens, head size]."""
    scores = q @ k.transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    return (weights / weights.sum(axis=2, keepdims=True)) @ v


def integer_attention(q: Array, k: Array, v: Array) -> Array:
    def codes(x: Array, limit: int) -> tuple[Array, Array]:
        scale = np.abs(x).max(axis=2, keepdims=True) / limit
        return np.rint(x / scale), scale

    (q, q_scale), (k, k_scale), (v, v_scale) = codes(q, 127), codes(k, 64), codes(v, 64)
    scores = q @ k.transpose(0, 2, 1) * q_scale * k_scale.transpose(0, 2, 1)
    powers = coarse_exponential(scores - scores.max(axis=2, keepdims=True))
    scaled = powers * v_scale.transpose(0, 2, 1)
    most = scaled.max(axis=2, keepdims=True)
    return np.rint(scaled / most * 255) @ v * most / 255 / powers.sum(axis=2, keepdims=True)


def coarse_exponential(x: Array) -> Array:
    """e to the x as `coarse_exponential` of kernels/polynomials.h has it."""
    n = np.rint(x / np.log(2))
    return np.polyval([0.165668337, 0.504964101, 1.00016423, 0.999928044], x - n * np.log(2)) * 2**n


def coarse_gelu(x: Array) -> Array:
    """GELU as `coarse_gelu` of kernels/polynomials.h has it."""
    powers = [2.25884962e-8, -1.58884328e-6, 4.77642424e-5, -8.12191336e-4, 8.76371205e-3, -6.45544635e-2, 0.397870306]
    cut = x.clip(-4, 4)
    return x / 2 + x * cut * np.polyval(powers, cut**2)


class Reference:
    """The engine's formulas in float64 with NumPy."""

    def __init__(self, model: Model) -> None:
        self.model, self.t = model, {name: value.astype(np.float64) for name, value in model.tensors.items()}
        if model.int8:
            codes, scale = quantize_table(model.tensors["embeddings.word"])
            self.t["embeddings.word"] = codes * scale[:, None].astype(np.float64)

    def linear(self, name: str, x: Array) -> Array:
        weight, bias = self.model.tensors[f"{name}.weight"], self.t[f"{name}.bias"]
        if not self.model.quantizes(name):
            return x @ weight.T.astype(np.float64) + bias
        smooth = smoothing(name, weight.shape[1])
        codes, scale = quantize_weight(weight if smooth is None else weight / smooth, self.model.weight_max)
        x = x if smooth is None else x * smooth
        most = 16383 if self.model.wide else 255
        low, high = np.minimum(x.min(axis=1), 0), np.maximum(x.max(axis=1), 0)
        step = (high - low) / most
        zero = np.rint(-low / step)
        tokens = np.rint(x / step[:, None] + zero[:, None]).clip(0, most) - zero[:, None]
        return tokens @ codes.T.astype(np.float64) * step[:, None] * scale + bias

    def norm(self, name: str, x: Array) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return centred / spread * self.t[f"{name}.weight"] + self.t[f"{name}.bias"]

    def hidden(self, ids: npt.NDArray, types: npt.NDArray | None = None) -> Array:
        """Token vectors [tokens, hidden] of one text."""
        shape = self.model.shape
        kinds = np.zeros_like(ids) if types is None else types
        x = (
            self.t["embeddings.word"][ids]
            + self.t["embeddings.position"][: len(ids)]
            + self.t["embeddings.type"][kinds]
        )
        x = self.norm("embeddings.norm", x)
        for layer in range(shape.layers):
            name = f"layer.{layer}"
            q, k, v = np.split(self.linear(f"{name}.qkv", x), 3, axis=1)
            heads = lambda m: m.reshape(len(ids), shape.heads, -1).transpose(1, 0, 2)  # noqa: E731
            attend = integer_attention if self.model.settings.get("attention") == "int8" else float_attention
            context = attend(heads(q), heads(k), heads(v))
            context = context.transpose(1, 0, 2).reshape(len(ids), -1)
            x = self.norm(f"{name}.attention_norm", x + self.linear(f"{name}.attention_output", context))
            wide = self.linear(f"{name}.intermediate", x)
            coarse = self.model.quantizes(f"{name}.output") and not self.model.wide
            wide = coarse_gelu(wide) if coarse else wide * (1 + erf(wide / np.sqrt(2))) / 2
            x = self.norm(f"{name}.output_norm", x + self.linear(f"{name}.output", wide))
        return x

    def logits(self, ids: npt.NDArray) -> Array:
        return self.linear("classifier", np.tanh(self.linear("pooler", self.hidden(ids)[:1])))[0]

    def token_logits(self, ids: npt.NDArray) -> Array:
        return self.linear("classifier", self.hidden(ids))
