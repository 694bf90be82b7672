"""Random blocks of every GGUF type that the reader decodes, and their values by gguf-py.

    make_gguf.py      writes golden/gguf/blocks/

Scales are random half-precision bit patterns, subnormals included, infinities and NaN left out; all
other bytes are uniform. The answer is what gguf-py computes in float32, bit for bit.
"""

import hashlib
import json
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

import cases

SEED = 20261123
ROWS, BLOCKS = 3, 2
# Type: bytes of a block, and where its half-precision numbers are.
LAYOUT = {
    T.Q4_0: (18, [0]),
    T.Q4_1: (20, [0, 2]),
    T.Q5_0: (22, [0]),
    T.Q5_1: (24, [0, 2]),
    T.Q8_0: (34, [0]),
    T.Q2_K: (84, [80, 82]),
    T.Q3_K: (110, [108]),
    T.Q4_K: (144, [0, 2]),
    T.Q5_K: (176, [0, 2]),
    T.Q6_K: (210, [208]),
    T.IQ4_NL: (18, [0]),
    T.IQ4_XS: (136, [0]),
    T.MXFP4: (17, []),
    T.TQ1_0: (54, [52]),
    T.TQ2_0: (66, [64]),
    T.NVFP4: (36, []),
}
PLAIN = {T.F32: np.float32, T.F16: np.float16, T.F64: np.float64, T.BF16: np.uint16}


def halves(rng: np.random.Generator, shape: tuple) -> np.ndarray:
    """Finite half-precision bit patterns, a third of them subnormal."""
    bits = rng.integers(0, 0x7C00, shape, dtype=np.uint16)
    bits = np.where(rng.random(shape) < 1 / 3, bits & 0x3FF, bits)
    return (bits | (rng.integers(0, 2, shape, dtype=np.uint16) << 15)).astype("<u2")


def blocks(rng: np.random.Generator, kind: T) -> np.ndarray:
    size, scales = LAYOUT[kind]
    # Rows of 512 elements in every type.
    count = BLOCKS * 256 // gguf.GGML_QUANT_SIZES[kind][0]
    data = rng.integers(0, 256, (ROWS, count, size), dtype=np.uint8)
    for place in scales:
        data[:, :, place : place + 2] = halves(rng, (ROWS, count, 1)).view(np.uint8)
    if kind == T.MXFP4:
        data[:, :, 0] %= 250  # the largest exponents overflow
        data[0, 0, 0], data[0, 1, 0] = 0, 1  # subnormal scales
    if kind == T.NVFP4:
        data[:, :, :4] &= 0x7F  # scales have no sign
        data[0, 0, :4] = [0, 1, 7, 0x7F]  # zero, subnormal, and the code that stands for zero
    return data.reshape(ROWS, -1)


def plain(rng: np.random.Generator, kind: T) -> np.ndarray:
    if kind in (T.F16, T.BF16):
        bits = halves(rng, (ROWS, 64))
        return bits.view(np.float16) if kind == T.F16 else bits
    return (rng.standard_normal((ROWS, 64)) * 10.0 ** rng.integers(-30, 30, (ROWS, 64))).astype(PLAIN[kind])


def main() -> None:
    folder = os.path.join(cases.output, "gguf", "blocks")
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(SEED)
    path = os.path.join(folder, "blocks.gguf")
    writer = gguf.GGUFWriter(path, "blocks")
    expected = {}
    for kind in [*PLAIN, *LAYOUT]:
        name = f"{kind.name.lower()}.weight"
        if kind in LAYOUT:
            data = blocks(rng, kind)
            values = gguf.dequantize(data, kind)
        else:
            data = plain(rng, kind)
            values = gguf.dequantize(data.view(np.uint8), kind) if kind == T.BF16 else data
        values = values.astype(np.float32).reshape(ROWS, -1)
        assert np.isfinite(values).all(), kind
        writer.add_tensor(name, data.view(np.uint8) if kind == T.BF16 else data, raw_dtype=kind)
        expected[name] = values
    # An NVFP4 tensor with the factor that some converters put beside it.
    data, factor = blocks(rng, T.NVFP4), np.array([0.0123], np.float32)
    writer.add_tensor("scaled.weight", data, raw_dtype=T.NVFP4)
    writer.add_tensor("scaled.scale", factor)
    expected["scaled.weight"] = (gguf.dequantize(data, T.NVFP4) * factor).astype(np.float32)
    expected["scaled.scale"] = factor
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, os.path.join(folder, "expected.safetensors"))
    provenance = {
        "title": "Random blocks of every decoded type, and their values in float32, bit for bit",
        "seed": SEED,
        "generator": "golden/tools/make_gguf.py",
        "libraries": cases.libraries("gguf", "numpy", "safetensors"),
        "sha256": {
            name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
            for name in ["blocks.gguf", "expected.safetensors"]
        },
    }
    with open(os.path.join(folder, "provenance.json"), "w") as file:
        file.write(json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    main()
