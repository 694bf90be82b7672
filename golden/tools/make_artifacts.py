"""What artifacts hold and what they stand for, by formats/python/xspress_reader.py, which shares no code with the product.

The artifacts are the product's own and lie beside their cases: inputs, not answers. Where one is missing it is made with
XSPRESS (default .build/release/xspress). Their values are read with NumPy and zstandard; the exports of some of them, PEFT's
updates and the merged model, are products in Float64 with directions by numpy.linalg.svd.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

import cases

sys.path.insert(0, os.path.join(cases.ROOT, "formats", "python"))
import xspress_reader as reader  # noqa: E402

BASE = "golden/tiny/model"
ARTIFACTS = {
    "int8-residual": ("golden/tiny/adapter", ["--rank", "6x3", "--store", "int8", "--residual", "2"]),
    "int4-top": ("golden/tiny/adapter", ["--rank", "4", "--store", "int4", "--directions", "top"]),
    "int3-budget": ("golden/tiny/adapter", ["--budget", "2200", "--form", "directions", "--store", "int3", "--allocation", "energy"]),
    "int2-embedded": (
        "golden/tiny/adapter",
        ["--rank", "5x4", "--store", "int2", "--residual", "4KB", "--residual-store", "int2", "--embed-bases"]),
    "f16-carried": ("golden/adapters_variants/dora", ["--rank", "4", "--store", "f16", "--dora", "keep"]),
}
EXPORTED = ("int8-residual", "int4-top", "int3-budget")


def made(name: str) -> str:
    """The artifact's path from the root of the checkout."""
    relative = f"golden/artifact/{name}/artifact.loraxs"
    path = os.path.join(cases.ROOT, relative)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tool = os.environ.get("XSPRESS", os.path.join(cases.ROOT, ".build", "release", "xspress"))
        adapter, options = ARTIFACTS[name]
        with tempfile.TemporaryDirectory() as cache:
            subprocess.run(
                [tool, "convert", "--base", os.path.join(cases.ROOT, BASE), "--adapter", os.path.join(cases.ROOT, adapter),
                 "--seed", "5", *options, "-o", path], check=True, stdout=subprocess.DEVNULL,
                env=os.environ | {"XDG_CACHE_HOME": cache})
    return relative


def contents(artifact: reader.Artifact) -> dict:
    tensors = {}
    for module in artifact.modules:
        parts = {
            "latent": module.latent, "residual_output": module.residual_output, "residual_input": module.residual_input,
            "output_basis": module.output_basis, "input_basis": module.input_basis}
        for part, values in parts.items():
            if values is not None:
                tensors[f"{module.name}.{part}"] = np.asarray(values, np.float32)
        for part, values in (("output_indices", module.output_indices), ("input_indices", module.input_indices)):
            if values is not None:
                tensors[f"{module.name}.{part}"] = np.asarray(values, np.float32)
    for index, item in enumerate(artifact.carried):
        tensors[f"carried.{index}"] = np.asarray(item.values, np.float32)
        if item.rows is not None:
            tensors[f"carried.{index}.rows"] = item.rows.astype(np.float32)
    return tensors


def main() -> None:
    base = load_file(os.path.join(cases.ROOT, BASE, "model.safetensors"))
    for name in ARTIFACTS:
        path = made(name)
        artifact = reader.Artifact(os.path.join(cases.ROOT, path))
        # The reader's own arrays: a file of the artifact's numbers, not of this program's.
        cases.write_case(
            "artifact", name, kind="artifact", title=f"Everything that {name} holds, read by NumPy",
            generator="make_artifacts.py", uses=("numpy", "zstandard"), inputs={"artifact": cases.file_input(path)},
            parameters={}, tolerances={}, expected={
                "storage": artifact.metadata["storage"], "directions": artifact.metadata["directions"],
                "modules": [{"name": module.name, "shape": module.shape} for module in artifact.modules],
                "carried": [{"parameter": item.parameter, "change": item.change} for item in artifact.carried],
            }, tensors=contents(artifact), precision="float32 values, exact")
        if name not in EXPORTED:
            continue
        opened = reader.open_safetensors(os.path.join(cases.ROOT, BASE))
        tensors = {}
        merged = {key: value.astype(np.float64) for key, value in base.items()}
        for module in artifact.modules:
            output, input_ = reader.directions(artifact, module, opened, None)
            update = output @ module.latent.astype(np.float64) @ input_.T
            tensors["peft:" + module.name] = update.astype(np.float32)
            merged[module.name + ".weight"] = merged[module.name + ".weight"] + update
        tensors |= {"merged:" + key: value.astype(np.float32) for key, value in merged.items()}
        cases.write_case(
            "export", name, kind="export", title=f"PEFT's updates and the merged model that {name} stands for",
            generator="make_artifacts.py", uses=("numpy", "zstandard", "safetensors"),
            inputs={"base": cases.folder_input(BASE), "artifact": cases.file_input(path)},
            parameters={"targets": ["peft", "merged"]}, tolerances={"values": 2e-6}, tensors=tensors,
            precision="float64, stored as float32")


if __name__ == "__main__":
    main()
