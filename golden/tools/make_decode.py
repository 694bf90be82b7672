"""Decoded values of GGUF tensors, by gguf-py, in HF names, shapes and row order."""

import hashlib

import numpy as np

import cases
import models

NAMES = [
    "model.embed_tokens.weight",
    "model.norm.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.0.post_attention_layernorm.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.self_attn.k_proj.weight",
    "model.layers.0.self_attn.v_proj.weight",
    "model.layers.0.self_attn.o_proj.weight",
    "model.layers.0.mlp.gate_proj.weight",
    "model.layers.0.mlp.up_proj.weight",
    "model.layers.0.mlp.down_proj.weight",
    "model.layers.17.self_attn.q_proj.weight",
    "model.layers.29.self_attn.k_proj.weight",
    "model.layers.29.mlp.down_proj.weight",
]


def main() -> None:
    weights, rows = models.demo_weights(), {}
    for name in NAMES:
        values = weights[name]
        rows[name] = {
            "shape": list(values.shape),
            "sha256": hashlib.sha256(values.astype("<f4").tobytes()).hexdigest(),
            "sum": float(values.astype(np.float64).sum()),
            "first": [float(v) for v in values.reshape(-1)[:4]],
        }
    cases.write_case(
        "decode",
        "demo-base",
        kind="decode",
        title="SHA-256, sum and first values of decoded tensors (Q4_1, Q8_0, F32; q and k rows restored)",
        generator="make_decode.py",
        uses=("gguf", "numpy"),
        inputs={"base": cases.file_input(cases.DEMO_BASE)},
        parameters={},
        tolerances={"sum": 1e-9},
        expected={"tensors": rows},
        precision="float32 values, exact",
    )


if __name__ == "__main__":
    main()
