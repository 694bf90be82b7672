"""Writes all golden cases, or checks the committed ones against a fresh run.

    golden.py [AREA ...]           write (then read the diff before committing it)
    golden.py --check [AREA ...]   write to a temporary folder and compare
"""

import argparse
import json
import os
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

import cases

AREAS = [
    "tiny", "llama", "tokenizer", "lines", "sentencepiece", "tokenizers", "gguf", "gguf_encoded", "gguf_tiny", "eight_bit", "decode", "safetensors", "projection", "selection", "bases", "forward",
    "training", "controls", "evaluation", "quantisers", "artifacts", "adapters", "variants", "loaded", "patterns", "configs",
]
# What depends on the machine: left out of the comparison.
VOLATILE = frozenset({"provenance", "float32CostInPyTorch", "lead", "tensors", "referenceError"})
CLOSE = 1e-5
# Folders without case.json, compared byte by byte.
BYTEWISE = {"gguf/blocks", "gguf/rows", "gguf/encoded", "gguf/tiny", "eight_bit/weights", "tokenizer/lines", "patterns", "tokenizer/sentencepiece", "tokenizer/kinds"}


def differences(found, expected, path: str, volatile: frozenset = VOLATILE) -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = (set(expected) | set(found)) - volatile
        return [
            line
            for key in sorted(keys)
            for line in differences(found.get(key), expected.get(key), f"{path}/{key}", volatile)
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        return [
            line
            for index, (a, b) in enumerate(zip(found, expected))
            for line in differences(a, b, f"{path}/{index}", volatile)
        ]
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return [] if np.isclose(found, expected, rtol=CLOSE, atol=1e-9) else [f"{path}: {found} for {expected}"]
    return [] if found == expected else [f"{path}: differs"]


def same_bytes(left: str, right: str) -> bool:
    with open(left, "rb") as a, open(right, "rb") as b:
        return a.read() == b.read()


def compare(folder: str) -> list[str]:
    """Every case of `folder` against the committed case of the same name."""
    lines = []
    for root, _, names in sorted(os.walk(folder)):
        name = os.path.relpath(root, folder)
        if name.replace(os.sep, "/") in BYTEWISE:
            lines += [f"{name}/{file}: differs" for file in sorted(names) if not same_bytes(
                os.path.join(root, file), os.path.join(cases.GOLDEN, name, file))]
        committed = os.path.join(cases.GOLDEN, name)
        if name.split(os.sep)[0] == "configs":
            for file in sorted(names):
                with open(os.path.join(root, file)) as a, open(os.path.join(committed, file)) as b:
                    if file != "provenance.json":
                        lines += differences(json.load(a), json.load(b), f"{name}/{file}", frozenset())
        if "case.json" not in names and name != "adapters_dialects":
            continue
        if "case.json" in names:
            with open(os.path.join(root, "case.json")) as a, open(os.path.join(committed, "case.json")) as b:
                lines += differences(json.load(a), json.load(b), name)
        if "expected.safetensors" in names:
            fresh = load_file(os.path.join(root, "expected.safetensors"))
            kept = load_file(os.path.join(committed, "expected.safetensors"))
            if set(fresh) != set(kept):
                lines.append(f"{name}: other tensors")
                continue
            for key in sorted(kept):
                error = cases.relative_error(fresh[key], kept[key])
                if not error <= CLOSE:
                    lines.append(f"{name}: {key} differs by {error:.1e}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("areas", nargs="*", default=AREAS)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.check:
            cases.output = folder
        for area in arguments.areas:
            module = __import__(f"make_{area}")
            if area == "tiny" and arguments.check:
                continue  # An input of other cases, not an answer.
            if area in ("bases", "forward", "training"):
                module.tiny()
                module.demo()
            else:
                module.main()
        lines = compare(folder) if arguments.check else []
    print("\n".join(lines) if lines else "ok" if arguments.check else "written: read the diff")
    return 65 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
