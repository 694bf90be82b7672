"""What `xspress emit` prints, against schemas and parsers that are not ours.

    crosscheck_engines.py [XSPRESS] [--write]     needs kubernetes-validate; Snakemake where it is installed

--write keeps what is emitted for one run in golden/documents/emitted, which a test compares; then read the diff.

Kubernetes documents against the published OpenAPI schemas of 1.33 and of the newest version that the package has, which are
compared with their SHA-256 first; Slurm scripts by `bash -n`, the Snakefile by Snakemake's own dry run. That the schemas
refuse anything is tried too: every way to break the documents must be found.
"""

import copy
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EMITTED = os.path.join(ROOT, "golden", "documents", "emitted")
FILES = {"slurm": "slurm.sh", "k8s": "k8s.yaml", "snakemake": "Snakefile"}
VARIANTS = ([], ["--queue", "batch"], ["--retries", "0", "--mem", "64GB", "--cpus", "16", "--image", 'a/b"c:1'])

# SHA-256 over the names and contents of the schemas of a version, in the order of the names.
SCHEMAS = {"1.33": "8c3a5e6416e685381ab80cb15619b014e90bb555e3133e81a453cc256aee3b81", "1.37": "57d2c9a87d970352a7e6adacbba53fd136a14e883d795e12a3f19ef01880204d"}


def digest(version: str) -> str:
    """Of the schemas that a document is validated against."""
    folder = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema", f"v{version}.0-local-strict")
    whole = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            whole.update(name.encode() + b"\n" + file.read())
    return whole.hexdigest()


def broken(job: dict):
    """The job with one thing wrong, and what."""
    for what, change in (
        ("completions of another type", lambda spec: spec.update(completions="8")),
        ("an unknown member", lambda spec: spec.update(completionsMode="Indexed")),
        ("no containers", lambda spec: spec["template"]["spec"].pop("containers")),
        ("a rule without an action", lambda spec: spec["podFailurePolicy"]["rules"][0].pop("action")),
        ("memory of another type", lambda spec: spec["template"]["spec"]["containers"][0]["resources"].update(limits=3)),
    ):
        document = copy.deepcopy(job)
        change(document["spec"])
        yield what, document


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    tool = arguments[0] if arguments else os.path.join(ROOT, ".build", "release", "xspress")

    def emit(engine: str, run: str, *words: str) -> str:
        return subprocess.run(
            [tool, "emit", engine, run, "--shards", "8", *words], check=True, capture_output=True, text=True).stdout

    for engine, name in FILES.items():
        text = emit(engine, "/data/my run", *(["--queue", "batch"] if engine == "k8s" else []))
        path = os.path.join(EMITTED, name)
        if "--write" in sys.argv:
            with open(path, "w") as file:
                file.write(text)
        with open(path) as file:
            assert file.read() == text, f"{path} is not what the tool emits: --write, then read the diff"
    for version, expected in SCHEMAS.items():
        assert digest(version) == expected, f"the schemas of Kubernetes {version} are {digest(version)}, not {expected}"
    for words in VARIANTS:
        documents = list(yaml.safe_load_all(emit("k8s", "/data/my run", *words)))
        for version in SCHEMAS:
            for document in documents:
                kubernetes_validate.validate(document, version, strict=True)
                print(f"k8s {version} {document['metadata']['name']} {' '.join(words)}: valid")
                for what, wrong in broken(document):
                    try:
                        kubernetes_validate.validate(wrong, version, strict=True)
                    except kubernetes_validate.ValidationError:
                        continue
                    raise AssertionError(f"the schema of {version} takes {what}")
    for run in ("/data/run", "it's a $(run)"):
        for words in ([], ["--largest-array", "3"]):
            subprocess.run(["bash", "-n"], input=emit("slurm", run, *words), check=True, text=True)
            print(f"slurm {run}: bash -n")
    if shutil.which("snakemake") is None:
        print("snakemake: not installed, skipped")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "Snakefile")
        with open(path, "w") as file:
            file.write(emit("snakemake", os.path.join(folder, "my run")))
        subprocess.run(["snakemake", "-s", path, "--cores", "4", "--dry-run"], check=True, cwd=folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
