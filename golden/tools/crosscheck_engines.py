"""What `xspress emit` prints, against schemas and parsers that are not ours.

    crosscheck_engines.py [XSPRESS]     needs kubernetes-validate; Snakemake where it is installed

Kubernetes documents against the published OpenAPI schemas of 1.33 and of the newest version that the package knows,
Slurm scripts by `bash -n`, the Snakefile by Snakemake's own dry run.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARIANTS = ([], ["--queue", "batch"], ["--retries", "0", "--mem", "64GB", "--cpus", "16", "--image", 'a/b"c:1'])


def main() -> int:
    tool = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, ".build", "release", "xspress")

    def emit(engine: str, run: str, *words: str) -> str:
        return subprocess.run(
            [tool, "emit", engine, run, "--shards", "8", *words], check=True, capture_output=True, text=True).stdout

    for words in VARIANTS:
        documents = list(yaml.safe_load_all(emit("k8s", "/data/my run", *words)))
        for version in ("1.33", kubernetes_validate.latest_version()):
            for document in documents:
                kubernetes_validate.validate(document, version, strict=True)
                print(f"k8s {version} {document['metadata']['name']} {' '.join(words)}: valid")
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
