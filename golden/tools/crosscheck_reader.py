"""The product's PEFT export against formats/python/xspress_reader.py, which shares no code with it.

    crosscheck_reader.py [XSPRESS]      prints the largest relative difference of any factor, by variant

Artifacts of the tiny model in every storage, with chosen and with top directions, with a residual, from the base,
from a pack and with embedded bases; and of adapters that change more than linear modules.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np

import cases
from results import Results

sys.path.insert(0, os.path.join(cases.ROOT, "formats", "python"))
import xspress_reader as reader  # noqa: E402

LIMIT = 1e-5


def main() -> int:
    tool = sys.argv[1] if len(sys.argv) > 1 else os.path.join(cases.ROOT, ".build", "release", "xspress")
    base = os.path.join(cases.GOLDEN, "tiny", "model")
    adapter = os.path.join(cases.GOLDEN, "tiny", "adapter")
    results = Results(
        "reader", "PEFT exports of artifacts of the tiny model against formats/python/xspress_reader.py", "numpy", "zstandard")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": folder}

        def run(*arguments: str) -> None:
            subprocess.run([tool, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)

        pack = os.path.join(folder, "tiny.xsbases")
        run("bases", "--base", base, "--rank", "64", "-o", pack)
        variants = [(store, []) for store in ("f32", "f16", "bf16", "int8", "int4", "int3", "int2")]
        variants += [(store, ["--residual", "2"]) for store in ("int8", "int2")]
        variants += [("int8", ["--residual", "4KB", "--residual-store", "int2", "--embed-bases"])]
        variants += [("int8", ["--directions", "top"]), ("int8", ["--embed-bases"]), ("int8", ["--bases", pack])]
        variants += [("int4", ["--budget", "2200", "--allocation", "energy"])]
        variants += [("int8", ["--dora", "keep", name]) for name in ("dora", "tokens", "embedding", "saved")]
        for number, (store, extra) in enumerate(variants):
            name = extra.pop() if "--dora" in extra else ""
            source = os.path.join(cases.GOLDEN, "adapters_variants", name) if name else adapter
            rank = [] if "--budget" in extra else ["--rank", "4" if "top" in extra else "6x3"]
            artifact = os.path.join(folder, f"{number}.loraxs")
            exported = os.path.join(folder, f"{number}-peft")
            run("convert", "--base", base, "--adapter", source, *rank, "--store", store,
                "--seed", "5", "-o", artifact, *extra)
            run("export", artifact, "--base", base, "--to", "peft", "-o", exported,
                *(extra if "--bases" in extra else []))
            theirs = reader.open_safetensors(os.path.join(exported, "adapter_model.safetensors"))
            ours = reader.peft_tensors(
                reader.Artifact(artifact), reader.open_safetensors(base),
                reader.open_safetensors(pack) if "--bases" in extra else None)
            assert set(ours) == set(theirs.names), set(ours) ^ set(theirs.names)
            errors = [
                np.abs(ours[name] - theirs[name]).max() / max(np.abs(theirs[name]).max(), 1e-30) for name in ours
            ]
            results.add(f"{store} {name or ' '.join(extra[:1]) or 'plain'}, {len(errors)} tensors", max(errors), LIMIT)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
