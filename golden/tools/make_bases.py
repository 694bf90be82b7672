"""Singular values and leading singular vectors by SciPy's LAPACK (gesdd, Float64)."""


import numpy as np
import scipy.linalg

import cases
import make_tiny
import models

LEADING = 8


def one(name, title, weights, modules, with_vectors, inputs, leading, tolerances) -> None:
    tensors, gaps = {}, {}
    for module in modules:
        U, values, Vt = scipy.linalg.svd(weights[module + ".weight"].astype(np.float64), full_matrices=False)
        tensors[f"{module}.singular_values"] = values
        if module in with_vectors:
            # Sign rule: the entry of u of largest magnitude is positive, lowest index on ties.
            signs = np.sign(U[np.argmax(np.abs(U) >= np.abs(U).max(axis=0) - 1e-12, axis=0), range(len(values))])
            tensors[f"{module}.output_vectors"] = (U * signs)[:, :leading].astype(np.float32)
            tensors[f"{module}.input_vectors"] = (Vt.T * signs)[:, :leading].astype(np.float32)
            relative = (values[:leading] - values[1 : leading + 1]) / values[0]
            gaps[module] = float(f"{relative.min():.2e}")
    cases.write_case(
        "bases",
        name,
        kind="bases",
        title=title,
        generator="make_bases.py",
        uses=("scipy", "numpy", "gguf", "safetensors"),
        inputs=inputs,
        parameters={"modules": modules, "leading": leading},
        tolerances=tolerances,
        expected={"smallestRelativeGap": gaps},
        tensors=tensors,
        precision="float64; vectors stored as float32",
    )


def tiny() -> None:
    names = models.module_names(make_tiny.config())
    one(
        "tiny",
        "All modules of the tiny model: every singular value, eight leading pairs of vectors",
        make_tiny.load_weights(),
        names,
        names,
        {"base": cases.folder_input(make_tiny.MODEL)},
        LEADING,
        {"singularValues": 1e-9, "span": 1e-6, "vectors": 1e-5},
    )


def demo() -> None:
    names = [
        "model.layers.0.self_attn.q_proj",
        "model.layers.0.self_attn.k_proj",
        "model.layers.15.mlp.gate_proj",
        "model.layers.29.mlp.down_proj",
    ]
    one(
        "demo",
        "Four modules of the demo base: every singular value, leading vectors of k_proj",
        models.demo_weights(),
        names,
        [names[1]],
        {"base": cases.file_input(cases.DEMO_BASE)},
        LEADING,
        {"singularValues": 1e-9, "span": 1e-6, "vectors": 1e-5},
    )


if __name__ == "__main__":
    tiny()
    demo()
