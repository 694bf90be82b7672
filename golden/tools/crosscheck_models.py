"""`xspress inspect --digest` on whole models against golden/models, tensor by tensor.

    crosscheck_models.py [XSPRESS [FOLDER]]     FOLDER holds the models, `models` by default

A model that is not there is skipped and named; `fetch_models.py` brings both (`make digests`). Python's standard library
alone.
"""

import hashlib
import json
import os
import subprocess
import sys

GOLDEN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(GOLDEN)
KEYS = ["dtype", "shape", "sha256"]


def check(tool: str, folder: str, golden: dict) -> str:
    """`ok`, `skipped` or what differs."""
    path = os.path.join(folder, golden["path"])
    file = os.path.join(path, golden["file"]["name"]) if os.path.isdir(path) else path
    if not os.path.isfile(file):
        return "skipped: not there"
    with open(file, "rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != golden["file"]["sha256"]:
            return "FAILED: another file than the golden one"
    run = subprocess.run([tool, "inspect", "--digest", "--json", path], capture_output=True, text=True)
    if run.returncode != 0:
        return f"FAILED: {run.stderr.strip()}"
    found = {row["name"]: [row.get(key) for key in KEYS] for row in json.loads(run.stdout)["tensors"]}
    expected = {row["name"]: [row[key] for key in KEYS] for row in golden["tensors"]}
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    types = sorted({row["dtype"] for row in golden["tensors"]})
    summary = f"{len(expected)} tensors, {' '.join(types)}"
    return f"ok: {summary}" if not wrong else f"FAILED: {len(wrong)} of {summary} differ: {' '.join(wrong[:4])}"


def main() -> int:
    tool = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, ".build", "release", "xspress")
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, "models")
    results = []
    for name in sorted(os.listdir(os.path.join(GOLDEN, "models"))):
        # Folders are the models of the families, and other documents hold no digests.
        if not name.endswith(".json"):
            continue
        with open(os.path.join(GOLDEN, "models", name)) as file:
            golden = json.load(file)
        if "tensors" not in golden:
            continue
        results.append(check(tool, folder, golden))
        print(f"{name}: {results[-1]}")
    return 1 if any(result.startswith("FAILED") for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
