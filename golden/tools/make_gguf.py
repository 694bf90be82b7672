"""Random blocks of every GGUF type that the reader decodes, and their values by gguf-py.

    make_gguf.py      writes golden/gguf/blocks/ and golden/gguf/rows/

Scales are random half-precision bit patterns, subnormals included, infinities and NaN left out; all
other bytes are uniform. The answer is what gguf-py computes in float32, bit for bit. Q1_0 and Q2_0, which
gguf-py 0.19.0 cannot decode, are decoded below by the layout of ggml (`dequantize_row_q1_0`, `_q2_0`).

`rows` has every row of every grid of the IQ types once, d = 1, all else zero, and digests of the values.
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
    T.IQ1_S: (50, [0]),
    T.IQ1_M: (56, []),
    T.IQ2_XXS: (66, [0]),
    T.IQ2_XS: (74, [0]),
    T.IQ2_S: (82, [0]),
    T.IQ3_XXS: (98, [0]),
    T.IQ3_S: (110, [0]),
    T.Q1_0: (18, [0]),
}
# gguf-py 0.19.0 has no name for type 42: 64 elements in 18 bytes.
Q2_0 = 42
gguf.GGML_QUANT_SIZES[Q2_0] = (64, 18)
LAYOUT[Q2_0] = (18, [0])
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
    if kind == T.IQ1_M:
        # The scale is spread over the highest nibbles of four words.
        words = data[:, :, 48:].view("<u2")
        bits = halves(rng, (ROWS, count)).astype(int)
        for place in range(4):
            words[:, :, place] = words[:, :, place] & 0x0FFF | (bits >> (4 * place) & 15) << 12
    if kind == T.NVFP4:
        data[:, :, :4] &= 0x7F  # scales have no sign
        data[0, 0, :4] = [0, 1, 7, 0x7F]  # zero, subnormal, and the code that stands for zero
    return data.reshape(ROWS, -1)


def dequantize(data: np.ndarray, kind) -> np.ndarray:
    """gguf-py, and the two types that it lacks."""
    if kind not in (T.Q1_0, Q2_0):
        return gguf.dequantize(data, kind)
    data = data.reshape(-1, 18)
    d = data[:, :2].copy().view("<f2").astype(np.float32)
    if kind == T.Q1_0:
        bits = np.unpackbits(data[:, 2:], axis=1, bitorder="little")
        return np.where(bits == 1, d, -d)
    codes = data[:, 2:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3
    return (codes.reshape(len(data), 64).astype(np.float32) - np.float32(1)) * d


def rows(kind: T) -> np.ndarray:
    """Blocks of d = 1, scale and signs 0, that use each row of the grid of `kind` once, in order."""
    count, a_block = {
        T.IQ1_S: (2048, 32), T.IQ2_XXS: (256, 32), T.IQ2_XS: (512, 32), T.IQ2_S: (1024, 32),
        T.IQ3_XXS: (256, 64), T.IQ3_S: (512, 64),
    }[kind]  # fmt: skip
    data = np.zeros((count // a_block, LAYOUT[kind][0]), np.uint8)
    data[:, :2] = np.frombuffer(np.float16(1).tobytes(), np.uint8)
    for row in range(count):
        block, place = divmod(row, a_block)
        low, high = row & 255, row >> 8
        if kind == T.IQ2_XXS:
            data[block, 2 + 8 * (place // 4) + place % 4] = low
        elif kind == T.IQ2_XS:
            data[block, 2 + 2 * place : 4 + 2 * place] = low, high
        else:
            data[block, 2 + place] = low
            if kind == T.IQ1_S:
                bits = high << 3 * (place % 4)
                data[block, 34 + 2 * (place // 4)] |= bits & 255
                data[block, 35 + 2 * (place // 4)] |= bits >> 8
            elif kind == T.IQ2_S:
                data[block, 66 + place // 4] |= high << 2 * (place % 4)
            elif kind == T.IQ3_S:
                data[block, 66 + place // 8] |= high << place % 8
    values = gguf.dequantize(data.reshape(1, -1), kind).reshape(count, -1)
    assert len(np.unique(values, axis=0)) == count, kind
    return data.reshape(1, -1)


def plain(rng: np.random.Generator, kind: T) -> np.ndarray:
    if kind in (T.F16, T.BF16):
        bits = halves(rng, (ROWS, 64))
        return bits.view(np.float16) if kind == T.F16 else bits
    return (rng.standard_normal((ROWS, 64)) * 10.0 ** rng.integers(-30, 30, (ROWS, 64))).astype(PLAIN[kind])


def name_of(kind) -> str:
    return "q2_0" if kind == Q2_0 else kind.name.lower()


def write(folder: str, file: str, tensors: dict) -> None:
    """A GGUF file of `tensors`: name to data and type."""
    writer = gguf.GGUFWriter(os.path.join(folder, file), "blocks")
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_provenance(folder: str, title: str, files: list[str], **more) -> None:
    provenance = {
        "title": title,
        **more,
        "generator": "golden/tools/make_gguf.py",
        "libraries": cases.libraries("gguf", "numpy", "safetensors"),
        "sha256": {
            name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest() for name in files
        },
    }
    with open(os.path.join(folder, "provenance.json"), "w") as file:
        file.write(json.dumps(provenance, indent=2) + "\n")


def write_blocks() -> None:
    folder = os.path.join(cases.output, "gguf", "blocks")
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(SEED)
    tensors, expected = {}, {}
    for kind in [*PLAIN, *LAYOUT]:
        name = f"{name_of(kind)}.weight"
        if kind in LAYOUT:
            data = blocks(rng, kind)
            values = dequantize(data, kind)
        else:
            data = plain(rng, kind)
            values = gguf.dequantize(data.view(np.uint8), kind) if kind == T.BF16 else data
        values = values.astype(np.float32).reshape(ROWS, -1)
        assert np.isfinite(values).all(), kind
        tensors[name] = (data.view(np.uint8) if kind == T.BF16 else data, kind)
        expected[name] = values
    # An NVFP4 tensor with the factor that some converters put beside it.
    data, factor = blocks(rng, T.NVFP4), np.array([0.0123], np.float32)
    tensors["scaled.weight"] = (data, T.NVFP4)
    tensors["scaled.scale"] = (factor, T.F32)
    expected["scaled.weight"] = (gguf.dequantize(data, T.NVFP4) * factor).astype(np.float32)
    expected["scaled.scale"] = factor
    write(folder, "blocks.gguf", tensors)
    save_file(expected, os.path.join(folder, "expected.safetensors"))
    write_provenance(
        folder, "Random blocks of every decoded type, and their values in float32, bit for bit",
        ["blocks.gguf", "expected.safetensors"], seed=SEED)  # fmt: skip


def write_rows() -> None:
    folder = os.path.join(cases.output, "gguf", "rows")
    os.makedirs(folder, exist_ok=True)
    tensors, expected = {}, {}
    for kind in [T.IQ1_S, T.IQ2_XXS, T.IQ2_XS, T.IQ2_S, T.IQ3_XXS, T.IQ3_S]:
        data = rows(kind)
        values = gguf.dequantize(data, kind).astype("<f4")
        tensors[f"{name_of(kind)}.weight"] = (data, kind)
        expected[f"{name_of(kind)}.weight"] = hashlib.sha256(values.tobytes()).hexdigest()
    write(folder, "rows.gguf", tensors)
    write_provenance(
        folder, "Every row of every grid; digests of the values in little-endian float32",
        ["rows.gguf"], expected=expected)  # fmt: skip


def main() -> None:
    write_blocks()
    write_rows()


if __name__ == "__main__":
    main()
