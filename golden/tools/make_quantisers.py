"""Codes, scales and rounded numbers of latents, and the columns of a residual, by NumPy from the text of
formats/loraxs.md §5.

Every number and column is decided by a margin, so that sums of squares in another precision decide alike.
"""

import numpy as np

import cases
from seeded import SeededGenerator

SEED = 91
LARGEST_CODE = {"int8": 127, "int4": 7, "int3": 3, "int2": 1}
# Clause 5.3.
SCALES = np.concatenate([[0], 2.0 ** ((np.arange(1, 256) - 224) / 8)]).astype(np.float32)


def codes(column: np.ndarray, scale: np.float32, limit: int) -> np.ndarray:
    quotients = column.astype(np.float64) / np.float64(scale)
    assert np.min(np.abs(np.abs(quotients - np.floor(quotients)) - 0.5)) > 1e-5, "too near a border"
    return np.clip(np.rint(quotients), -limit, limit)


def best_scale(column: np.ndarray, limit: int, weights: np.ndarray) -> int:
    """Clause 5.3: the smallest weighted squared error; 0 for a column of zeros."""
    largest = np.max(np.abs(column))
    if largest == 0:
        return 0
    covering = next(k for k in range(1, 256) if SCALES[k] * np.float64(limit) >= largest)
    highest = next(k for k in range(1, 256) if SCALES[k] >= largest)
    errors = {}
    for k in range(max(covering - (2 if limit == 127 else 16), 1), max(covering, highest) + 1):
        scale = np.float64(SCALES[k])
        rounded = np.clip(np.rint(column.astype(np.float64) / scale), -limit, limit) * scale
        errors[k] = float(np.sum(weights * (column.astype(np.float64) - rounded) ** 2))
    best, second = sorted(errors, key=errors.get)[:2]
    assert errors[second] > errors[best] * (1 + 1e-4), "two scales are as good as one another"
    return best


def bfloat16(values: np.ndarray) -> np.ndarray:
    """To nearest, ties to even."""
    bits = values.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


def quantised(tensors: dict, name: str, storage: str, matrix: np.ndarray, weights=None) -> dict:
    tensors[name + ".latent"] = matrix
    if weights is not None:
        tensors[name + ".weights"] = weights
    if storage not in LARGEST_CODE:
        tensors[name + ".values"] = (
            matrix if storage == "f32" else matrix.astype(np.float16).astype(np.float32) if storage == "f16" else bfloat16(matrix))
        return {"name": name, "storage": storage}
    limit = LARGEST_CODE[storage]
    ones = np.ones(len(matrix)) if weights is None else weights
    scales = [best_scale(column, limit, ones) for column in matrix.T]
    found = np.stack([
        codes(column, SCALES[k], limit) if k else np.zeros(len(column)) for column, k in zip(matrix.T, scales)], 1)
    tensors[name + ".codes"] = found.astype(np.int8)
    tensors[name + ".scales"] = np.array(scales, np.uint8)
    tensors[name + ".values"] = found.astype(np.float32) * SCALES[scales]
    return {"name": name, "storage": storage}


def main() -> None:
    generator = SeededGenerator(SEED)
    tensors, latents = {}, []
    for storage in ("f32", "f16", "bf16", "int8", "int4", "int3", "int2"):
        # Columns of sizes far apart, one with an outlier, one of zeros.
        matrix = generator.matrix(24, 9) * 10.0 ** np.linspace(-6, 0.5, 9)
        matrix[3, 4] *= 12
        matrix[:, 6] = 0
        latents.append(quantised(tensors, storage, storage, matrix.astype(np.float32)))
    for storage in LARGEST_CODE:
        weights = generator.uniforms(24) ** 4 * 100
        matrix = generator.matrix(24, 5).astype(np.float32)
        latents.append(quantised(tensors, storage + "-weighted", storage, matrix, weights.astype(np.float32)))
    # Clause 5.4: q / |q| in Float64, then rounded; zeros stay zeros.
    columns = np.stack([np.rint(generator.normals(40) * limit / 3).clip(-limit, limit) for limit in (127, 15, 7, 3, 1, 0)])
    lengths = np.sqrt(np.sum(columns**2, axis=1))
    tensors["columns.codes"] = columns.astype(np.int8)
    tensors["columns.values"] = (columns / np.where(lengths == 0, 1, lengths)[:, None]).T.astype(np.float32)
    cases.write_case(
        "quantisers", "latents-and-pairs", kind="quantisers",
        title="Codes and scales of latents in every storage, with and without weights; columns of a residual's codes",
        generator="make_quantisers.py", uses=("numpy",), inputs={}, parameters={"latents": latents}, tolerances={},
        tensors=tensors, seed=SEED, precision="float64 sums, float32 scales and values, exact")


if __name__ == "__main__":
    main()
