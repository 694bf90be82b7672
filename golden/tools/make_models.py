"""Digests of every tensor of whole models, by gguf-py and safetensors.

    make_models.py [FOLDER]     writes golden/models/*.json from the files in FOLDER, `models` by default

The files come from PyPI (`fetch_models.py`); they are not needed otherwise and stay out of the repository.

A digest is SHA-256 of the values as little-endian float32. Tensors of integers have none. Norms of Gemma are those of the
model, to which GGUF adds one.
"""

import hashlib
import json
import os
import sys

import gguf
import numpy as np
from safetensors import safe_open

import cases

GEMMA = "gemma-3-270m-q4_k_m.gguf"
QWEN = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
MINILM = "all-MiniLM-L6-v2"


def file_digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(name: str, dtype: str, shape, values: np.ndarray | None) -> dict:
    digest = None if values is None else hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()
    return {"name": name, "dtype": dtype, "shape": [int(n) for n in shape], "sha256": digest}


def of_gguf(path: str, norms_have_one: bool = False) -> list[dict]:
    rows = []
    for t in gguf.GGUFReader(path).tensors:
        values = gguf.dequantize(t.data, t.tensor_type).astype(np.float32)
        values = values - np.float32(1) if norms_have_one and "norm" in t.name else values
        rows.append(entry(t.name, t.tensor_type.name, reversed(t.shape), values))
    return rows


def of_safetensors(path: str) -> list[dict]:
    rows = []
    with safe_open(path, "numpy") as file:
        for name in file.keys():
            dtype, values = file.get_slice(name).get_dtype(), file.get_tensor(name)
            real = np.issubdtype(values.dtype, np.floating)
            rows.append(entry(name, dtype, values.shape, values if real else None))
    return rows


def write(name: str, case: str, file: str, tensors: list[dict], *uses: str) -> None:
    folder = os.path.join(cases.output, "models")
    os.makedirs(folder, exist_ok=True)
    head = {
        "path": name,
        "file": {"name": os.path.basename(file), "sha256": file_digest(file)},
        "provenance": {"generator": "golden/tools/make_models.py", "libraries": cases.libraries(*uses)},
    }
    # One line a tensor.
    rows = ",\n".join("    " + json.dumps(row) for row in sorted(tensors, key=lambda row: row["name"]))
    with open(os.path.join(folder, f"{case}.json"), "w") as out:
        out.write(json.dumps(head, indent=2)[:-2] + f',\n  "tensors": [\n{rows}\n  ]\n}}\n')


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(cases.ROOT, "models")
    gemma, minilm = os.path.join(folder, GEMMA), os.path.join(folder, MINILM, "model.safetensors")
    write(GEMMA, "gemma-3-270m", gemma, of_gguf(gemma, norms_have_one=True), "gguf", "numpy")
    qwen = os.path.join(folder, QWEN)
    write(QWEN, "qwen2.5-coder-0.5b-instruct", qwen, of_gguf(qwen), "gguf", "numpy")
    write(MINILM, "all-minilm-l6-v2", minilm, of_safetensors(minilm), "safetensors", "numpy")


if __name__ == "__main__":
    main()
