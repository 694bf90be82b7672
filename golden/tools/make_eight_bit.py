"""Weights in eight-bit floating point with their scales, and their values by PyTorch.

    make_eight_bit.py      writes golden/eight_bit/

Block scales as DeepSeek-V3 stores them (`weight_scale_inv`, multiplied), one scale a tensor and one a row as
compressed-tensors does (`weight_scale`). The answer is `weight.to(float32) * scale` in float32. In `block` and `group` the
scheme and the answer are those of the compressed-tensors library itself (`dequantize`).
"""

import hashlib
import json
import os

import torch
from safetensors.torch import save_file

import cases

SEED = 20261124
BLOCK = (16, 24)


def expand(scales: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Each block's scale at every element of the block."""
    rows = scales.repeat_interleave(BLOCK[0], 0)[: shape[0]]
    return rows.repeat_interleave(BLOCK[1], 1)[:, : shape[1]]


def write_provenance(folder: str, title: str, *libraries: str) -> None:
    provenance = {
        "title": title,
        "seed": SEED,
        "generator": "golden/tools/make_eight_bit.py",
        "libraries": cases.libraries(*libraries),
        "sha256": {
            name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
            for name in ["model.safetensors", "expected.safetensors", "config.json"]
        },
    }
    with open(os.path.join(folder, "provenance.json"), "w") as file:
        file.write(json.dumps(provenance, indent=2) + "\n")


def compressed(codes, scales) -> None:
    """Blocks and groups under `weight_scale`, by compressed-tensors."""
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import dequantize

    for strategy, shape, options in (
        ("block", (-(-37 // BLOCK[0]), -(-50 // BLOCK[1])), {"block_structure": list(BLOCK)}),
        ("group", (37, 5), {"group_size": 10}),
    ):
        folder = os.path.join(cases.output, "eight_bit", strategy)
        os.makedirs(folder, exist_ok=True)
        scheme = QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy=strategy, **options)
        weight, scale = codes(37, 50, torch.float8_e4m3fn), scales(*shape)
        save_file({"x.weight": weight, "x.weight_scale": scale}, os.path.join(folder, "model.safetensors"))
        values = dequantize(weight, scale, None, args=scheme).to(torch.float32).contiguous()
        save_file({"x.weight": values}, os.path.join(folder, "expected.safetensors"))
        group = {"targets": ["Linear"], "weights": json.loads(scheme.model_dump_json(exclude_none=True))}
        config = {
            "quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": group},
        }  # fmt: skip
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump({"model_type": "llama", "quantization_config": config}, file)
        write_provenance(
            folder, f"Eight-bit codes with scales a {strategy}, in float32, bit for bit",
            "compressed-tensors", "torch", "safetensors")  # fmt: skip


def main() -> None:
    folder = os.path.join(cases.output, "eight_bit", "weights")
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(SEED)

    def codes(rows: int, columns: int, dtype: torch.dtype) -> torch.Tensor:
        """Every finite code, subnormals and both zeros included."""
        finite = torch.arange(256, dtype=torch.uint8).view(dtype)
        finite = finite[torch.isfinite(finite.to(torch.float32))]
        picks = torch.randint(0, len(finite), (rows * columns,), generator=generator)
        picks[: len(finite)] = torch.arange(len(finite))
        return finite.view(torch.uint8)[picks].view(dtype).reshape(rows, columns)

    def scales(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator) * 0.01 + 1e-4

    stored, expected = {}, {}
    for name, dtype in (("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)):
        weight = codes(37, 50, dtype)
        wide = weight.to(torch.float32)
        block = scales(-(-37 // BLOCK[0]), -(-50 // BLOCK[1]))
        one, rows = scales(1), scales(37, 1)
        for kind, suffix, scale, factor in (
            ("block", "weight_scale_inv", block, expand(block, weight.shape)),
            ("tensor", "weight_scale", one, one),
            ("rows", "weight_scale", rows, rows),
        ):
            stored[f"{name}.{kind}.weight"] = weight.clone()
            stored[f"{name}.{kind}.{suffix}"] = scale.clone()
            expected[f"{name}.{kind}.weight"] = wide * factor
    stored["bare.weight"] = codes(20, 20, torch.float8_e4m3fn)
    stored["misfit.weight"] = codes(20, 20, torch.float8_e4m3fn)
    stored["misfit.weight_scale"] = scales(7)
    save_file(stored, os.path.join(folder, "model.safetensors"))
    save_file(expected, os.path.join(folder, "expected.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as file:
        quantization = {"quant_method": "fp8", "weight_block_size": list(BLOCK)}
        json.dump({"model_type": "llama", "quantization_config": quantization}, file)
    write_provenance(
        folder, "Every finite eight-bit code with scales a block, a tensor and a row, in float32, bit for bit",
        "torch", "safetensors")  # fmt: skip
    compressed(codes, scales)


if __name__ == "__main__":
    main()
