"""Writing golden cases: case.json plus expected.safetensors (formats/golden.md)."""

import argparse
import datetime
import filecmp
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile

import numpy as np
from safetensors.numpy import save_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.join(ROOT, "golden")
DEMO_BASE = "models/SmolLM2-135M-Instruct.Q4_1.gguf"
_digests: dict[str, str] = {}
# Where cases are written; `--output` of golden.py sends them elsewhere for comparison.
output = GOLDEN


def sha256(relative: str) -> str:
    if relative not in _digests:
        digest = hashlib.sha256()
        with open(os.path.join(ROOT, relative), "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        _digests[relative] = digest.hexdigest()
    return _digests[relative]


def file_input(relative: str) -> dict:
    """One input file: its path from the root of the checkout, and its digest."""
    return {"path": relative, "sha256": sha256(relative)}


def folder_input(relative: str) -> dict:
    """A folder as input: the digests of all its files."""
    names = sorted(os.listdir(os.path.join(ROOT, relative)))
    files = {name: sha256(f"{relative}/{name}") for name in names if not name.endswith(".md")}
    return {"path": relative, "files": files}


def model_inputs(name: str) -> dict:
    """What a case of `models/` reads: the model, and what lies beside it of its file, rows of data and adapter."""
    def digests(folder: str, names) -> dict:
        found = {}
        for file in names:
            # What is being made, else what is there.
            places = [os.path.join(place, "models", name, folder, file) for place in (output, GOLDEN)]
            if path := next(filter(os.path.isfile, places), None):
                with open(path, "rb") as bytes_:
                    found[file] = hashlib.sha256(bytes_.read()).hexdigest()
        return found

    path = f"golden/models/{name}"
    model = digests("", ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"))
    inputs = {"base": {"path": path, "files": model}}
    for key, file in (("file", "model.gguf"), ("data", "rows.jsonl"), ("images", "images.npy")):
        inputs |= {key: {"path": f"{path}/{file}", "sha256": digest} for digest in digests("", [file]).values()}
    if adapter := digests("adapter", ("adapter_config.json", "adapter_model.safetensors")):
        inputs["adapter"] = {"path": f"{path}/adapter", "files": adapter}
    return inputs


def renew_inputs(name: str) -> None:
    """Enters what lies beside a model now."""
    path = os.path.join(output, "models", name, "case.json")
    with open(path) as file:
        case = json.load(file)
    case["inputs"] = model_inputs(name)
    with open(path, "w") as file:
        file.write(dumps(case) + "\n")


def libraries(*names: str) -> dict:
    return {name: importlib.metadata.version(name) for name in names}


def write_case(
    area: str,
    name: str,
    *,
    kind: str,
    title: str,
    generator: str,
    uses: tuple,
    inputs: dict,
    parameters: dict,
    tolerances: dict,
    precision: str,
    expected: dict | None = None,
    tensors: dict | None = None,
    seed: int | None = None,
) -> None:
    folder = os.path.join(output, area, name)
    os.makedirs(folder, exist_ok=True)
    case = {"schema": "xspress.golden/1", "kind": kind, "title": title, "inputs": inputs}
    if seed is not None:
        case["seed"] = seed
    case["parameters"] = parameters
    case["tolerances"] = tolerances
    if expected is not None:
        case["expected"] = expected
    if tensors is not None:
        target = os.path.join(folder, "expected.safetensors")
        save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, target)
        with open(target, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        case["tensors"] = {"path": "expected.safetensors", "sha256": digest}
    case["provenance"] = {
        "generator": f"golden/tools/{generator}",
        "python": platform.python_version(),
        "libraries": libraries(*uses),
        "precision": precision,
        "date": datetime.date.today().isoformat(),
    }
    with open(os.path.join(folder, "case.json"), "w") as file:
        file.write(dumps(case) + "\n")
    print(f"{area}/{name}", flush=True)


def dumps(value, indent: str = "") -> str:
    """JSON with one line per scalar list, so that a diff stays readable."""
    inner = indent + "  "
    if isinstance(value, dict) and value and any(isinstance(v, (dict, list)) for v in value.values()):
        rows = [f"{inner}{json.dumps(k)}: {dumps(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        return "[\n" + ",\n".join(inner + dumps(v, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value)


def run_models(make, known, answers: tuple[str, ...]) -> None:
    """Makes the models of golden/models that the command line names, or all of `known`.

    With `--expected` models and all that lies beside them stay as they are: they are made again elsewhere, must have the same
    bytes, and only the files `answers` are taken.
    """
    global output
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--expected", action="store_true")
    arguments = parser.parse_args()
    names, kept = arguments.names or list(known), output
    with tempfile.TemporaryDirectory() as work:
        if arguments.expected:
            output = work
        for name in names:
            make(name)
            fresh, folder = (os.path.join(place, "models", name) for place in (work, kept))
            if not arguments.expected:
                continue
            for file in ("model.safetensors", "model.gguf"):
                paths = os.path.join(fresh, file), os.path.join(folder, file)
                if os.path.exists(paths[0]) and not filecmp.cmp(*paths, shallow=False):
                    raise SystemExit(f"{name}: {file} would be another")
            for file in answers:
                if os.path.exists(os.path.join(fresh, file)):
                    shutil.copy(os.path.join(fresh, file), folder)
            if "case.json" in answers:
                # An adapter's configuration differs from run to run; the case is about what is kept.
                output = kept
                renew_inputs(name)
                output = work


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """max |found - expected| / max |expected|, the one meaning of relative error."""
    scale = float(np.max(np.abs(expected)))
    return float(np.max(np.abs(np.asarray(found, np.float64) - expected))) / (scale or 1.0)
