"""Float32 values and their bytes in the GGUF types that exports are written in, by gguf-py.

    make_gguf_encoded.py      writes golden/gguf/encoded/

Rows of ordinary weights, of many magnitudes, of values halfway between two codes, of zeros, of subnormals
and of values near the limit of half precision.
"""

import hashlib
import json
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

import cases

SEED = 20261124
COLUMNS = 96


def rows() -> np.ndarray:
    rng = np.random.default_rng(SEED)
    normal = rng.standard_normal((4, COLUMNS)) * 0.05
    spread = rng.standard_normal((2, COLUMNS)) * 10.0 ** rng.integers(-6, 3, (2, COLUMNS))
    # With 127 in each block the scale is 1, so that these lie halfway between codes, and between halves.
    ties = rng.integers(-127, 127, (1, COLUMNS)) + 0.5
    ties[:, ::32] = 127
    halves = (2048 + rng.integers(0, 512, (1, COLUMNS)) * 2 + 1).astype(float)
    zeros = np.zeros((1, COLUMNS))
    zeros[0, 40] = 1e-3
    zeros[0, 70] = -0.0
    tiny = rng.standard_normal((1, COLUMNS)) * 1e-7
    large = rng.uniform(-65000, 65000, (1, COLUMNS))
    return np.concatenate([normal, spread, ties, halves, zeros, tiny, large]).astype(np.float32)


def main() -> None:
    folder = os.path.join(cases.output, "gguf", "encoded")
    os.makedirs(folder, exist_ok=True)
    values = rows()
    tensors = {"values": values}
    for kind in (T.F32, T.F16, T.BF16, T.Q8_0):
        data = np.ascontiguousarray(gguf.quants.quantize(values, kind))
        tensors[kind.name.lower()] = data.view(np.uint8).reshape(len(values), -1)
    path = os.path.join(folder, "encoded.safetensors")
    save_file(tensors, path)
    provenance = {
        "title": "Values in float32, and their bytes as GGUF tensors",
        "seed": SEED,
        "generator": "golden/tools/make_gguf_encoded.py",
        "libraries": cases.libraries("gguf", "numpy", "safetensors"),
        "sha256": {"encoded.safetensors": hashlib.sha256(open(path, "rb").read()).hexdigest()},
    }
    with open(os.path.join(folder, "provenance.json"), "w") as file:
        file.write(json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    main()
