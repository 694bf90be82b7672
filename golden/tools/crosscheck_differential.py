"""What the product's readers accept, read by the readers that others use: small files, changed at random.

    crosscheck_differential.py READ-MANY [--files 1000000] [--seed 1] [--kinds sgtp] [--processes N]

Of every file that the product accepts safetensors, gguf-py, torch.load (weights_only) or PEFT must accept the same
bytes and give the same names, shapes and values. `EXCEPTIONS` lists what may differ, and why. The seed says which
files; a file that differs is kept in runs/differential.
"""

import argparse
import collections
import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile

import numpy as np

import cases
import differential_changes as changes
import differential_readers as readers
import differential_seeds
from results import Results

# Of a million files.
SHARES = {"s": 800_000, "g": 157_000, "t": 40_000, "p": 3_000}
TITLES = {"s": "safetensors", "g": "GGUF by gguf-py", "t": "torch.load, weights_only", "p": "PEFT, configurations"}
BATCH = 5000
# Of every kind, each with a seed of its own, whatever the number of processes.
PARTS = 16
BASE = os.path.join(cases.GOLDEN, "tiny", "model")
ADAPTER = os.path.join(cases.GOLDEN, "tiny", "adapter")

# By kind: a part of what the other reader says of a file that only the product accepts, or `values` and a part of the
# difference; and why it may.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "s": {},
    "g": {
        "cannot reshape array of size 0": "gguf-py cannot list an empty tensor; ggml, and this program, can",
        "np.uint32(42) is not a valid": "Q2_0, for which gguf-py 0.19.0 has no name; ggml has",
    },
    "t": {"don't know how to restore data location": "where a storage lay changes no value; PyTorch wants to put it there again"},
    "p": {
        "`layers_pattern` cannot be used": "PEFT before 0.14 passed over the field; the expression decides",
        "`layers_to_transform` cannot be used": "PEFT before 0.6 passed over the field; the expression decides",
        "lora_bias=True is only supported": "how training began changes no weight",
        "dropout probability has to be": "dropout trains, and changes nothing that is converted",
        "When `layers_pattern` is specified": "PEFT before 0.14 passed over the field; the names decide",
        "between instances of 'NoneType' and 'float'": "dropout trains, and changes nothing that is converted",
        "Invalid task type": "a word for the kind of task changes no weight",
        "'NoneType' object has no attribute": "null in place of a pattern or a word is read as none",
    },
}


def too_long(number, frame):
    raise TimeoutError("still reading after 20 seconds")


class Product:
    """The product's readers, in one process."""

    def __init__(self, tool: str, folder: str):
        self.folder = folder
        self.process = subprocess.Popen(
            [tool, folder, os.path.join(ADAPTER, "adapter_model.safetensors"), BASE], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=os.environ | {"SWIFT_BACKTRACE": "enable=no"})

    def answers(self, kind: str, files: list[bytes]) -> list[str]:
        path = os.path.join(self.folder, "batch")
        with open(path, "wb") as batch:
            for content in files:
                batch.write(kind.encode() + len(content).to_bytes(4, "little") + content)
        self.process.stdin.write(path + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            raise SystemExit(f"the product ended at a file of the last batch, {path}")
        with open(path + ".answers") as file:
            lines = file.read().splitlines()
        assert len(lines) == len(files)
        return lines


def difference(answer: str, found: list) -> str | None:
    """What is not the same of tensors that both have read; nil where nothing is."""
    own = {}
    for word in answer.split()[1:]:
        name, shape, values, *raw = word.split(":")
        own[bytes.fromhex(name).decode()] = ([int(size) for size in shape.split(",") if size], values, raw)
    if set(own) != {name for name, *_ in found} or len(own) != len(found):
        return f"values: names {sorted(own)} for {sorted(name for name, *_ in found)}"
    for name, shape, values, raw in found:
        own_shape, digest, own_raw = own[name]
        if own_shape != shape:
            return f"values: shape {own_shape} for {shape}"
        if own_raw and hashlib.sha256(raw).hexdigest()[:16] != own_raw[0]:
            return "values: other bytes"
        if values is None:
            continue
        if digest in ("VAL-NAN", "VAL-RANGE"):
            if np.isfinite(values).all():
                return f"values: {digest}, and all are finite"
        elif "-" not in digest and hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()[:16] != digest:
            return "values: other numbers"
    return None


def module_difference(answer: str, found: dict[str, float]) -> str | None:
    own = dict(word.rsplit(":", 1) for word in answer.split()[1:])
    # PEFT counts a change of nothing as one.
    names = {name for name, norm in found.items() if norm}
    if {name for name, norm in own.items() if float(norm)} != names:
        return f"values: modules {sorted(own)} for {sorted(names)}"
    for name in names:
        if abs(float(own[name]) / found[name] - 1) > 1e-5:
            return f"values: {name} {own[name]} for {found[name]}"
    return None


def run(job: tuple) -> tuple[str, collections.Counter, collections.Counter]:
    """One part of the files of a kind, in a process of its own."""
    tool, kind, count, name = job
    signal.signal(signal.SIGALRM, too_long)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        return kind, *compare_files(kind, count, random.Random(name), Product(tool, folder))


def compare_files(kind: str, count: int, generator: random.Random, product: Product):
    tally, differences = collections.Counter(), collections.Counter()
    if kind == "p":
        with open(os.path.join(ADAPTER, "adapter_config.json")) as file:
            settings = json.load(file)
        reader = readers.Peft(os.path.join(ADAPTER, "adapter_model.safetensors"), product.folder)
        make, read, compare = lambda: changes.configuration_changed(settings, generator), reader.read, module_difference
    else:
        seeds = differential_seeds.seeds(kind, generator)
        make = lambda: changes.changed(kind, generator.choice(seeds), generator)
        read = {"s": readers.read_safetensors, "g": lambda content: readers.read_gguf(content, product.folder),
                "t": readers.read_torch}[kind]
        compare = difference
    while tally["files"] < count:
        files = [make() for _ in range(min(BATCH, count - tally["files"]))]
        for content, answer in zip(files, product.answers(kind, files)):
            tally["files"] += 1
            if not answer.startswith("+"):
                continue
            tally["accepted"] += 1
            # Some files keep a reader busy for ever.
            signal.alarm(20)
            try:
                found = compare(answer, read(content))
            except Exception as error:  # What another reader refuses with is its own affair.
                found = f"refused: {type(error).__name__}: {str(error)[:300]}"
            signal.alarm(0)
            if found is None:
                continue
            reason = next((part for part in EXCEPTIONS[kind] if part in found), None)
            if reason is not None:
                tally["listed"] += 1
                continue
            tally["different"] += 1
            differences[f"{TITLES[kind]}: {found[:160]}"] += 1
            keep(kind, content, answer, found)
    product.process.stdin.close()
    return tally, differences


def keep(kind: str, content: bytes, answer: str, found: str) -> None:
    folder = os.path.join(cases.ROOT, "runs", "differential")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{kind}-{hashlib.sha256(content).hexdigest()[:12]}")
    if len(os.listdir(folder)) < 400:
        with open(path, "wb") as file:
            file.write(content)
        with open(path + ".txt", "w") as file:
            file.write(f"{answer}\n{found}\n")


def keep_others(results: Results, kinds: str) -> None:
    """Rows of an earlier run, of the kinds that are not part of this one."""
    path = os.path.join(cases.ROOT, "golden", "crosscheck", "differential.json")
    if not os.path.exists(path):
        return
    with open(path) as file:
        rows = json.load(file)["results"]
    others = tuple(title + ":" for kind, title in TITLES.items() if kind not in kinds)
    results.rows += [row for row in rows if row["check"].startswith(others)]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="sgtp")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    results = Results(
        "differential", "Changed files that the product accepts, by the readers of others: files that differ", "safetensors",
        "gguf", "torch", "peft")
    jobs = []
    for kind in options.kinds:
        count = max(1, SHARES[kind] * options.files // sum(SHARES.values()))
        for part in range(PARTS):
            share = count // PARTS + (part < count % PARTS)
            jobs.append((os.path.abspath(options.tool), kind, share, f"{options.seed} {kind} {part}"))
    tallies = {kind: collections.Counter() for kind in options.kinds}
    differences = collections.Counter()
    with multiprocessing.Pool(options.processes) as pool:
        for kind, tally, found in pool.imap_unordered(run, jobs):
            tallies[kind].update(tally)
            differences.update(found)
            print(f"{kind}: {dict(tallies[kind])}", flush=True)
    for kind, tally in tallies.items():
        results.add(
            f"{TITLES[kind]}: {tally['files']} files, {tally['accepted']} accepted, {tally['listed']} listed exceptions",
            tally["different"], 0)
    keep_others(results, options.kinds)
    for line, number in differences.most_common(40):
        print(f"{number:6} {line}", flush=True)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
