"""`make bench`: XSPress beside its peers, in pairs (README.md). Python's standard library alone."""

import argparse
import array
import filecmp
import json
import os
import shutil

import harness
import plot
from harness import CORES, DATA, ROOT, XSPRESS, Failed, duration, make, middle, note, ours, peer, rate, run

BASE = "models/SmolLM2-135M-Instruct.Q4_1.gguf"
GEMMA = "models/gemma-3-270m-q4_k_m.gguf"
ADAPTER = "golden/adapters/clinc-domains-r8"
CACHE = os.path.join(DATA, "cache")
THREADS = ("--threads", CORES)
# METHOD §5: the error of the span, and what `Convergence` asks of orthogonality.
SPAN_LIMIT, ORTHOGONALITY_LIMIT = 1e-6, 1e-8


def data(name: str) -> str:
    return os.path.join(DATA, name)


# MARK: machine


def machine(report, options) -> None:
    rounds = report.rounds(
        "machine: product of 2048²",
        {
            "ours": ours("machine", "sgemm", *THREADS),
            "ours f64": ours("machine", "dgemm", *THREADS),
            "torch f32": peer("machine", "gemm", *THREADS),
            "torch bf16": peer("machine", "gemm", "--dtype", "bfloat16", *THREADS),
        },
    )
    report.table("machine: product of 2048²", rounds, {"rate": rate("operations", "GFLOP/s")})
    rounds = report.rounds(
        "machine: memory, 256 MiB",
        {
            f"{what}, {threads} thread{'s' * (threads > 1)}": ours("machine", what, "--threads", threads)
            for what in ("read", "memcpy")
            for threads in sorted({1, CORES})
        },
    )
    report.table("machine: memory, 256 MiB", rounds, {"rate": rate("bytes", "GB/s")})


# MARK: bases

# Name to method, type and iterations, as people run them.
AS_THEY_STAND = {
    "sklearn TruncatedSVD f32, 10 iterations": ("sklearn-truncated", "float32", 10),
    "sklearn randomized_svd f32, 4": ("sklearn-randomized", "float32", 4),
    "torch svd_lowrank f32, 4": ("torch-lowrank", "float32", 4),
    "scipy svds propack f64": ("scipy-propack", "float64", 0),
    "scipy svds arpack f64": ("scipy-arpack", "float64", 0),
    "numpy gesdd f32": ("numpy-gesdd", "float32", 0),
    "numpy gesdd f64": ("numpy-gesdd", "float64", 0),
    "scipy gesdd f64": ("scipy-gesdd", "float64", 0),
    "torch linalg.svd f32": ("torch-svd", "float32", 0),
    "torch linalg.svd f64": ("torch-svd", "float64", 0),
}
REFERENCE = "sklearn TruncatedSVD f32, 10 iterations"
# Those with iterations, raised in Float64 until they are as accurate as ours: no Float32 result can be.
RAISED = {
    "sklearn TruncatedSVD f64": "sklearn-truncated",
    "sklearn randomized_svd f64": "sklearn-randomized",
    "torch svd_lowrank f64": "torch-lowrank",
}


def is_accurate(result: dict) -> bool:
    return result["span_error"] <= SPAN_LIMIT and result["orthogonality"] <= ORTHOGONALITY_LIMIT


def matrix(name: str) -> tuple[str, dict]:
    """The file of a matrix and its description."""
    with open(make(data(name + ".json"), peer("inputs", "matrix", name, DATA))) as file:
        return data(name + ".f32"), json.load(file)


def bases(report, options) -> None:
    names = ["q_proj", "down_proj", "gemma-q_proj", "gemma-down_proj"]
    if not options.quick:
        names.append("4096x4096")
    if options.large:
        names += ["4096x11008", "8192x28672"]
    ranks = [16, 64] if options.quick else [16, 64, 256]
    for name in options.matrix or names:
        if name.startswith("gemma") and not os.path.exists(os.path.join(ROOT, GEMMA)):
            note(f"bases: {name} left out: there is no {GEMMA} (README)")
            continue
        path, shape = matrix(name)
        for rank in options.rank or ranks:
            words = ["--matrix", path, "--rows", shape["rows"], "--columns", shape["columns"]]
            words += ["--rank", rank, "--gap", shape["gaps"][str(rank)], *THREADS]
            bases_of_one(report, options, f"bases: {name}, {shape['rows']}×{shape['columns']}, r {rank}", words)


def bases_of_one(report, options, title: str, words: list) -> None:
    """A survey of every peer, then rounds of ours, the reference as it stands, and the quickest accurate peer."""
    commands, survey = {}, {}
    for label, (method, dtype, iterations) in AS_THEY_STAND.items():
        if options.quick and not label.startswith(("sklearn Trunc", "torch svd_low", "scipy svds", "numpy gesdd f64")):
            continue
        if options.peer and not any(word in label for word in options.peer):
            continue
        commands[label] = peer("bases", "--method", method, "--dtype", dtype, "--iterations", iterations, *words)
        note(f"{title}: {label}")
        try:
            survey[label] = run(commands[label], options.cap)
        except Failed as failure:
            report.miss(title, label, str(failure))
    for label, method in RAISED.items():
        if options.peer and not any(word in label for word in options.peer):
            continue
        raised = ["bases", "--method", method, "--dtype", "float64", *words]
        note(f"{title}: raising {label}")
        try:
            iterations, found = raise_iterations(raised, options.cap)
            commands[f"{label}, {iterations}"] = peer(*raised, "--iterations", iterations)
            survey[f"{label}, {iterations}"] = found
        except Failed as failure:
            report.miss(title, label, f"accuracy of METHOD §5 not reached: {failure}")
    accurate = [label for label, found in survey.items() if is_accurate(found)]
    best = min(accurate, key=lambda label: survey[label]["seconds"], default=None)
    chosen = [label for label in (REFERENCE, best) if label in survey]
    rounds = report.rounds(
        title, {"ours": ours("bases", *words)} | {label: commands[label] for label in chosen}, options.cap
    )
    rounds |= {label: [found] for label, found in survey.items() if label not in chosen}
    report.table(
        title,
        rounds,
        {
            "residual": lambda found: f"{found[0]['residual']:.1e}",
            "orthogonality": lambda found: f"{found[0]['orthogonality']:.1e}",
            "span error": lambda found: f"{found[0]['span_error']:.1e}",
            "METHOD §5": lambda found: "reached" if all(map(is_accurate, found)) else "not reached",
        },
    )
    for result in rounds["ours"]:
        report.check(title, is_accurate(result), f"span error {result['span_error']}, {result['orthogonality']}")


def raise_iterations(command: list, cap: float) -> tuple[int, dict]:
    """The first of 16, 32, … iterations that is accurate; `Failed` where that takes more than `cap` seconds."""
    iterations = 16
    while True:
        result = run(peer(*command, "--iterations", iterations), cap)
        if is_accurate(result):
            return iterations, result
        if 2 * result["seconds"] > cap or iterations >= 4096:
            raise Failed(f"span error {result['span_error']:.1e} after {iterations} iterations, {result['seconds']:.0f} s")
        iterations *= 2


# MARK: build


def build(report, options) -> None:
    """Leading directions of every module of a model of the 7B shape, from its Q4_0 file, nothing cached."""
    width, feed, layers, rank = (1024, 2816, 4, 64) if options.quick else (4096, 11008, 32, 64)
    file, _ = model(width, feed, layers)
    work = data("work")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        whole = harness.timed(
            [XSPRESS, "bases", "--base", file, "--rank", str(rank), "--cache-dir", work, "--quiet"]
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    # Products by formula, counted on a matrix of each shape with the same spectrum.
    single = double = 0.0
    for name, count in ((f"{width}x{width}", 4), (f"{width}x{feed}", 3)):
        path, shape = matrix(name)
        words = ["--matrix", path, "--rows", shape["rows"], "--columns", shape["columns"], "--rank", rank]
        found = run(ours("bases", *words, "--gap", shape["gaps"][str(rank)], *THREADS))
        single += found["single"] * count * layers
        double += found["double"] * count * layers
    rates = {kind: run(ours("machine", kind, *THREADS)) for kind in ("sgemm", "dgemm")}
    speed = {kind: found["operations"] / found["seconds"] for kind, found in rates.items()}
    limit = single / speed["sgemm"] + double / speed["dgemm"]
    report.plain(
        f"build: {layers} layers of width {width}, r {rank}",
        ["", "time", "peak", "operations F32", "F64", "at sgemm, dgemm", "limit", "limit ÷ time"],
        [
            [
                "xspress bases",
                duration(whole["seconds"]),
                f"{whole['peak_rss_bytes'] / 1e6:.0f} MB",
                f"{single / 1e12:.2f} T",
                f"{double / 1e12:.2f} T",
                f"{speed['sgemm'] / 1e9:.0f}, {speed['dgemm'] / 1e9:.0f} GFLOP/s",
                duration(limit),
                f"{limit / whole['seconds']:.0%}",
            ]
        ],
        whole | {"single": single, "double": double, "rates": speed, "limit": limit},
    )


# MARK: projection


def largest_difference(first: str, second: str, step: int = 1) -> float:
    """max |a − b| / max |b| over every `step`-th number of two files of Float32."""
    lists = []
    for path in (first, second):
        values = array.array("f")
        with open(path, "rb") as file:
            values.frombytes(file.read())
        lists.append(values[::step])
    if len(lists[0]) != len(lists[1]) or not lists[1]:
        return float("inf")
    scale = max(map(abs, lists[1])) or 1.0
    return max(abs(a - b) for a, b in zip(*lists)) / scale


def projection(report, options) -> None:
    count = options.adapters or (20 if options.quick else 1000)
    adapters = make(data(f"adapters-{count}"), peer("inputs", "adapters", count, data(f"adapters-{count}")))
    factors = make(
        data("factors-r16.safetensors"),
        ours("factors", "--base", BASE, "--rank", 16, "--cache", CACHE, "-o", data("factors-r16.safetensors")),
    )
    mine, theirs = data("latents-ours.f32"), data("latents-torch.f32")
    common = ["--adapters", adapters, "--count", count, *THREADS]
    title = f"projection: {count} adapters of rank 16, r 16"
    rounds = report.rounds(
        title,
        {
            "ours": ours("projection", "--base", BASE, "--cache", CACHE, "--latents", mine, *common),
            "torch": peer("projection", "--factors", factors, "--latents", theirs, *common),
            "torch, an adapter a thread": peer(
                "projection", "--side-by-side", "--factors", factors, "--latents", theirs, *common
            ),
        },
    )
    each = {"each": lambda found: duration(middle(found) / count), "read": rate("bytes", "GB/s")}
    report.table(title, rounds, each)
    if all(rounds.values()):
        error = largest_difference(mine, theirs)
        report.check(title, error <= 1e-5, f"latents differ from PyTorch's by {error:.1e}")
        read = run(ours("machine", "read", *THREADS))
        print(f"  latents agree within {error:.1e}; memory is read at {read['bytes'] / read['seconds'] / 1e9:.1f} GB/s")


# MARK: step


def step_tokens(examples: int) -> str:
    path = data(f"tokens-{examples}.json")
    source = "golden/data/clinc-domains/train.jsonl"
    return make(path, ours("tokens", "--base", BASE, "--data", source, "--examples", examples, "-o", path))


def step(report, options) -> None:
    title = "step: 16 examples of clinc-domains, rank 16 on all linear modules, distillation"
    step_on(report, options, title, BASE, step_tokens(16), ["--adapter", ADAPTER])
    if options.large:
        file, _ = model(2048, 5632, 22, "--key-value-heads", 4)
        title = "step: 16 x 40 tokens, the shape of 1.1 B, rank 16 on all linear modules, cross-entropy"
        # Rows of one length: groups would save no padding.
        step_on(report, options, title, file, random_tokens(16, 40), [], groups=(1,))


def step_on(report, options, title: str, base: str, tokens: str, words: list, groups: tuple = (1, 2, 4)) -> None:
    common = ["--base", base, "--tokens", tokens, *words, "--rank", 16, "--steps", 4]
    commands = {"ours": ours("step", *common, *THREADS)}
    commands["ours bf16"] = ours("step", *common, "--precision", "bfloat16", *THREADS)
    kinds = {"torch f32": "float32", "torch bf16 autocast": "autocast", "torch bf16 weights": "bfloat16"}
    commands |= best_peers("step", common, kinds, options, groups)
    rounds = report.rounds(title, commands)
    if not rounds["ours"]:
        return
    own = rounds["ours"][0]
    for found in rounds.values():
        for result in found:
            result["operations"] = own["operations"]
    shape = ["shapes", "--base", base, "--tokens", own["tokens"], *THREADS]
    ceilings = {
        "ours": ours(*shape),
        "ours bf16": ours(*shape, "--kernel", "bfloat16"),
        "OpenBLAS": ours(*shape, "--kernel", "openblas"),
        "torch f32": peer("machine", *shape),
        "torch bf16": peer("machine", *shape, "--dtype", "bfloat16"),
    }
    shapes = report.rounds(f"{title}: products of its own shapes", ceilings)
    report.table(f"{title}: products of its own shapes", shapes, {"rate": rate("operations", "GFLOP/s")})
    speed = lambda found: found[0]["operations"] / middle(found) / 1e9
    ceiling = {name: speed(found) if found else float("nan") for name, found in shapes.items()}

    def share(found):
        dtype, precision = found[0].get("dtype"), found[0].get("precision")
        if dtype is None:
            name = "ours bf16" if precision == "bfloat16" else "ours"
        else:
            name = "torch f32" if dtype == "float32" else "torch bf16"
        return f"{speed(found) / ceiling[name]:.0%}"

    def error(found):
        return max(abs(a / b - 1) for result in found for a, b in zip(result["losses"], own["losses"]))

    report.table(
        title,
        rounds,
        {
            "rate": lambda found: f"{speed(found):.0f} GFLOP/s",
            "of its shapes' rate": share,
            "tokens": lambda found: str(found[0].get("padded_tokens", own["tokens"])),
            "setting": lambda found: f"{found[0]['threads']} threads, {found[0].get('groups', '–')} groups",
            "loss off by": lambda found: f"{error(found):.1e}",
        },
    )
    if rounds["torch f32"]:
        report.check(title, error(rounds["torch f32"]) <= 1e-3, f"losses {own['losses']} differ from PyTorch's")


def best_settings(script: str, words: list, options, groupings: tuple = (1, 2, 4)) -> list | None:
    """The quickest of thread counts and groups of like length, by one short run each; kept for later runs."""
    kind = "" if str(words[0]).startswith("--") else "-" + words[0]
    tokens = os.path.basename(words[words.index("--tokens") + 1]).removesuffix(".json")
    place = data(f"settings-{script}{kind}-{tokens}-{words[words.index('--dtype') + 1]}.json")
    if os.path.exists(place):
        with open(place) as file:
            return [*words, *json.load(file)]
    tried = {}
    for threads in sorted({1, CORES}) if not options.quick else [CORES]:
        for groups in groupings:
            setting = ("--groups", groups, "--threads", threads)
            try:
                tried[setting] = run(peer(script, *words, *setting), threads=threads)["seconds"]
            except Failed as failure:
                note(f"{script}: {' '.join(map(str, setting))}: {failure}")
    if not tried:
        return None
    best = list(min(tried, key=tried.get))
    with open(place, "w") as file:
        json.dump(best, file)
    return [*words, *best]


def best_peers(
    script: str, words: list, kinds: dict[str, str], options, groupings: tuple = (1, 2, 4)
) -> dict[str, list[str]]:
    """A peer for each type of numbers, by name, at its quickest settings."""
    found = {name: best_settings(script, [*words, "--dtype", dtype], options, groupings) for name, dtype in kinds.items()}
    return {name: peer(script, *settings) for name, settings in found.items() if settings}


# MARK: calibration


def calibration(report, options) -> None:
    tokens = step_tokens(32)
    mine, theirs = data("traces-ours.f32"), data("traces-torch.f32")
    words = ["--tokens", tokens, "--adapter", ADAPTER]
    commands = {"ours": ours("calibration", "--base", BASE, *words, "--traces", mine, *THREADS)}
    for label, dtype in {"f32": "float32", "bf16 autocast": "autocast"}.items():
        traces = theirs if dtype == "float32" else data("traces-torch-bf16.f32")
        found = best_settings("calibration", [*words, "--traces", traces, "--dtype", dtype], options)
        if found:
            commands[f"torch {label}"] = peer("calibration", *found)
    title = "calibration: 32 examples of clinc-domains, C and G of all linear modules"
    rounds = report.rounds(title, commands)
    if not rounds["ours"]:
        return
    for found in rounds.values():
        for result in found:
            result["operations"] = rounds["ours"][0]["operations"]
    report.table(title, rounds, {"rate": rate("operations", "GFLOP/s")})
    if rounds["torch f32"]:
        # Traces of C, every other number; those of G depend on the labels drawn.
        # Rows are kept in bfloat16, and of some modules one number is most of the trace: twice 2⁻⁹, and what sums add.
        error = largest_difference(mine, theirs, step=2)
        report.check(title, error <= 5e-3, f"traces of C differ from PyTorch's by {error:.1e}")


# MARK: text

TRANSFORMERS = {f"transformers {dtype}": dtype for dtype in ("float32", "bfloat16")}


def text_rate(tokens: int):
    return lambda found: f"{tokens / middle(found):,.0f} tokens/s"


def text_of_ours(work: str, tokens: str) -> dict[str, list[str]]:
    words = [work, "--base", BASE, "--tokens", tokens, *THREADS]
    return {"ours": ours(*words), "ours bfloat16": ours(*words, "--precision", "bfloat16")}


def scoring(report, options) -> None:
    """Whole rows as people have them, and long ones, which llama.cpp scores too."""
    for label, tokens in {
        "64 examples of clinc-domains": step_tokens(64),
        "16 texts of 256 tokens": random_tokens(16, 256),
    }.items():
        commands = text_of_ours("scoring", tokens)
        commands |= best_peers("text", ["scoring", "--tokens", tokens], TRANSFORMERS, options)
        if "256" in label:
            commands["llama.cpp, Q4_1 as it is"] = peer(
                "text", "scoring", "--tokens", tokens, "--llama-cpp", os.path.join(ROOT, BASE), *THREADS
            )
        title = f"scoring: {label}"
        rounds = report.rounds(title, commands)
        if not rounds["ours"]:
            continue
        own = rounds["ours"][0]

        def error(found):
            total = sum(own["losses"])
            return f"{abs(sum(found[0]['losses']) / total - 1):.1e}"

        report.table(title, rounds, {"rate": text_rate(own["tokens"]), "loss off by": error})
        if rounds.get("transformers float32"):
            worst = max(abs(a - b) for a, b in zip(rounds["transformers float32"][0]["losses"], own["losses"]))
            report.check(title, worst <= 1e-3, f"losses differ from Transformers' by {worst:.1e}")


def writing(report, options) -> None:
    tokens = step_tokens(16)
    commands = text_of_ours("writing", tokens)
    commands |= best_peers("text", ["writing", "--tokens", tokens], TRANSFORMERS, options)
    title = "writing: 32 tokens after each of 16 prompts, greedily"
    rounds = report.rounds(title, commands)
    if not rounds["ours"]:
        return
    own = rounds["ours"][0]

    def alike(found):
        same = sum(a == b for a, b in zip(found[0]["written"], own["written"]))
        return f"{same} of {len(own['written'])}"

    report.table(title, rounds, {"rate": text_rate(own["tokens"]), "texts like ours": alike})
    if rounds.get("transformers float32"):
        same = sum(a == b for a, b in zip(rounds["transformers float32"][0]["written"], own["written"]))
        # A tie within rounding may fall either way.
        report.check(title, same >= len(own["written"]) - 1, f"{same} texts are those of Transformers")


# MARK: decode

K_QUANTS = "q2_k q3_k q4_k q5_k q6_k".split()
COMMON = "f16 bf16 q4_0 q4_1 q8_0 q4_k q6_k".split()
DECODED = [
    *"f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0".split(),
    *K_QUANTS,
    *"iq1_s iq1_m iq2_xxs iq2_xs iq2_s iq3_xxs iq3_s iq4_nl iq4_xs tq1_0 tq2_0 mxfp4 nvfp4 q1_0 q2_0".split(),
]
# gguf-py 0.19.0 cannot decode the first and has no name for the second; tests compare them with a golden answer.
OURS_ALONE, NAMELESS = ("q1_0", "q2_0"), ("q2_0",)
# Goals: K-quants against gguf-py, which uses one thread whatever it may; common types against memcpy of the output, with
# as many threads as that.
TIMES_GGUF_PY, SHARE_OF_MEMCPY = 20, 0.25


def decode(report, options) -> None:
    file = make(data("blocks.gguf"), peer("inputs", "blocks", data("blocks.gguf")))
    other = make(data("blocks-2.gguf"), peer("inputs", "blocks", data("blocks-2.gguf"), "--alone"))
    rows, kept = [], {}
    for kind in options.type or (["q4_0", "q4_k", "q6_k"] if options.quick else DECODED):
        words = ["--file", other if kind in NAMELESS else file, "--tensor", f"{kind}.weight"]
        title = f"decode: {kind}"
        commands = {f"ours {threads}": ours("decode", *words, "--threads", threads) for threads in (1, CORES)}
        if kind not in OURS_ALONE:
            check_values(report, title, words)
            commands["gguf-py"] = peer("decode", *words, "--threads", 1)
        for threads in (1, CORES):
            commands[f"memcpy {threads}"] = ours("machine", "memcpy", "--threads", threads, "--mebibytes", 64)
        kept[kind] = rounds = report.rounds(title, commands)
        if all(rounds[name] for name in commands if name != "gguf-py"):
            rows.append(decode_row(kind, rounds))
    heads = ["4096² values", "1 thread", "memcpy", "share", f"{CORES} threads", "memcpy", "share", "gguf-py"]
    heads += ["times, 1 thread", f"{CORES} threads", "goal"]
    report.plain("decode: output in GB/s", heads, rows, kept)


def check_values(report, title: str, words: list) -> None:
    """That both sides decode to the same bits."""
    mine, theirs = data("values-ours.f32"), data("values-gguf.f32")
    try:
        run(ours("decode", *words, "--values", mine, *THREADS))
        run(peer("decode", *words, "--values", theirs, "--threads", 1))
        report.check(title, filecmp.cmp(mine, theirs, shallow=False), "values differ from gguf-py's")
    except Failed as failure:
        report.check(title, False, str(failure))
    finally:
        for path in (mine, theirs):
            if os.path.exists(path):
                os.remove(path)


def decode_row(kind: str, rounds: dict) -> list[str]:
    rates = {name: found[0]["bytes"] / middle(found) / 1e9 for name, found in rounds.items() if found}
    gguf_py = rates.get("gguf-py")
    row, shares, times = [kind], [], []
    for threads in (1, CORES):
        own, copied = rates[f"ours {threads}"], rates[f"memcpy {threads}"]
        shares.append(own / copied)
        times += [own / gguf_py] if gguf_py else []
        row += [f"{own:.1f}", f"{copied:.1f}", f"{shares[-1]:.2f}"]
    row += [f"{gguf_py:.2f}", *(f"{value:.0f}×" for value in times)] if gguf_py else ["", "", ""]
    goals = [bool(times) and max(times) >= TIMES_GGUF_PY] if kind in K_QUANTS else []
    goals += [min(shares) >= SHARE_OF_MEMCPY] if kind in COMMON else []
    return [*row, "" if not goals else "reached" if all(goals) else "MISSED"]


# MARK: memory, start


def model(width: int, feed: int, layers: int, *flags) -> tuple[str, str]:
    """A synthetic model and its adapter."""
    name = f"model-{width}-{layers}" + "".join(f"-{str(flag).lstrip('-')}" for flag in flags)
    file, adapter = data(name + ".gguf"), data(name + "-adapter")
    make(file, peer("inputs", "model", file, width, feed, layers, "--adapter", adapter, *flags))
    return file, adapter


def convert(file: str, adapter: str) -> dict:
    """A cold conversion: nothing cached, nothing kept."""
    work = data("work")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    words = ["--rank", "16", "--directions", "top", "--method", "projected", "--quiet"]
    command = [XSPRESS, "convert", "--base", file, "--adapter", adapter, *words]
    try:
        return harness.timed([*command, "--cache-dir", work, "-o", os.path.join(work, "out.loraxs")])
    finally:
        shutil.rmtree(work, ignore_errors=True)


# What a step holds: everything, block inputs alone, and these with one block of weights at a time.
WAYS = {
    "all kept": [],
    "recomputing": ["--recomputes"],
    "recomputing, blocks from disk": ["--recomputes", "--streams"],
}


def random_tokens(sequences: int, length: int) -> str:
    """Sequences of `length` tokens, the last of which is the completion."""
    path = data(f"tokens-{sequences}x{length}.json")
    if not os.path.exists(path):
        tokens = [[(7919 * (row * length + place) + 13) % 31991 for place in range(length)] for row in range(sequences)]
        with open(path, "w") as file:
            json.dump([{"prompt": row[:-1], "completion": row[-1:]} for row in tokens], file)
    return path


def numbers_of(width: int, feed: int, layers: int) -> int:
    return layers * (4 * width * width + 3 * width * feed) + 2 * 32000 * width


def memory(report, options) -> None:
    """Peaks against the size of the model and the length of sequences."""
    sizes = [(512, 1536, 4), (1024, 2816, 8)] + ([(2048, 5632, 16)] if options.large else [])
    lengths = (128, 512, 1024) if options.large else (64, 256)
    rows, results = [], []
    curves: dict[str, dict[str, list]] = {"size": {}, "length": {}}

    def add(kind: str, way: str, at: float, label: str, result: dict, least: float) -> None:
        peak = result["peak_rss_bytes"]
        curves[kind].setdefault(way, []).append((at, peak / 1e6))
        results.append(result | {"case": label, "way": way, "least": least})
        rows.append(
            [label, way, f"{peak / 1e6:.0f} MB", f"{least / 1e6:.0f} MB", f"{peak / least:.2f}", duration(result["seconds"])]
        )

    for shape in sizes:
        file, adapter = model(*shape)
        weights = 4 * numbers_of(*shape)
        label = f"width {shape[0]}, {shape[2]} layers"
        add("size", "convert", weights / 1e6, label, convert(file, adapter), os.path.getsize(file))
        tokens = random_tokens(4, 128)
        for way, flags in WAYS.items():
            result = run(ours("step", "--base", file, "--tokens", tokens, "--steps", 2, *flags, *THREADS))
            add("size", way, weights / 1e6, label, result, least(shape, 4, 128, flags))
    shape = sizes[-2 if options.large else -1]
    file, _ = model(*shape)
    for length in lengths:
        for way, flags in WAYS.items():
            tokens = random_tokens(4, length)
            result = run(ours("step", "--base", file, "--tokens", tokens, "--steps", 2, *flags, *THREADS))
            label = f"width {shape[0]}, {shape[2]} layers, 4 × {length} tokens"
            add("length", way, 4 * length, label, result, least(shape, 4, length, flags))
    if options.large:
        file, adapter = model(4096, 11008, 32)
        result = convert(file, adapter)
        add("size", "convert", 4e-6 * numbers_of(4096, 11008, 32), "7B shape", result, os.path.getsize(file))
        report.check("memory: convert, 7B shape", result["peak_rss_bytes"] <= 1.5e9, f"{result['peak_rss_bytes']} bytes")
    report.plain("memory: peak", ["", "", "peak", "least", "peak ÷ least", "time"], rows, results)
    plots = {"size": "MB of weights in Float32", "length": "tokens of a step"}
    for kind, title in plots.items():
        path = os.path.join(harness.FOLDER, f"memory-{kind}.svg")
        plot.write(path, f"Peak memory ({report.machine['cpu']})", title, "MB", curves[kind])
        print(f"  plotted in {os.path.relpath(path, ROOT)}")


def least(shape: tuple, sequences: int, length: int, flags: list) -> int:
    """Bytes that a tuning step cannot do without: the weights it keeps laid out for both passes, and activations.

    A block of width d and feed F keeps 5d + 3d + 3F numbers a token (inputs, norms, q, k, v, attention, gate, up,
    activation) and the probabilities; where it is computed again, its input d alone, and one block in full.
    """
    width, feed, layers = shape
    heads = width // 64 if width < 4096 else width // 128
    block = 4 * width * width + 3 * width * feed
    held = 1 if "--streams" in flags else layers
    tokens = sequences * length
    kept = tokens * (9 * width + 3 * feed) + sequences * heads * length * length
    blocks = 1 if "--recomputes" in flags else layers
    inputs = tokens * width * layers if "--recomputes" in flags else 0
    # The head in both orders, embeddings once; blocks in both orders.
    return 4 * (3 * 32000 * width + 2 * held * block + blocks * kept + inputs)


def startup(report, options) -> None:
    file, _ = model(4096, 11008, 44, "--sparse")
    command = [XSPRESS, "inspect", file]
    harness.timed(command)
    results = [harness.timed(command) for _ in range(report.pairs)]
    title = f"start: inspect of {os.path.getsize(file) / 1e9:.1f} GB, warm"
    report.table(title, {"ours": results})


# MARK: scaling


# Exponents of time and memory that counting operations and bytes gives, lower orders left out.
THEORY = {
    "bases, whole, width": (3, 2),
    "bases, width at r 16": (2, 2),
    "bases, rank at 2048²": (1, 1),
    "step, examples": (1, 1),
    "step, sequence length": (2, 2),
    "step, rank": (1, 1),
    "step, width": (2, 2),
    "step, layers": (1, 1),
    "projection, adapters": (1, 0),
}


def scaling(report, options) -> None:
    """Time and memory against one size at a time, and the exponents that fit."""
    series: dict[str, list[tuple[float, dict]]] = {}

    def add(name: str, size: float, command: list[str]) -> None:
        try:
            series.setdefault(name, []).append((size, run(command)))
        except Failed as failure:
            report.check(f"scaling: {name}", False, str(failure))

    def of_matrix(name: str, at: float, size: int, rank: int) -> None:
        path, shape = matrix(f"{size}x{size}")
        words = ["--matrix", path, "--rows", size, "--columns", size, "--rank", rank]
        add(name, at, ours("bases", *words, "--gap", shape["gaps"][str(rank)], *THREADS))

    for size in (256, 512, 704):
        of_matrix("bases, whole, width", size, size, 64)
    for size in (1024, 2048, 4096):
        of_matrix("bases, width at r 16", size, size, 16)
    for rank in (16, 64, 256):
        of_matrix("bases, rank at 2048²", rank, 2048, rank)
    for examples in (8, 16, 32):
        words = ["--base", BASE, "--adapter", ADAPTER, "--tokens", step_tokens(examples), *THREADS]
        add("step, examples", examples, ours("step", *words, "--steps", 3))
    for length in (128, 256, 512):
        words = ["--base", BASE, "--tokens", random_tokens(4, length), *THREADS]
        add("step, sequence length", length, ours("step", *words, "--steps", 3))
    for rank in (8, 16, 32):
        words = ["--base", BASE, "--adapter", ADAPTER, "--tokens", step_tokens(16), *THREADS]
        add("step, rank", rank, ours("step", *words, "--rank", rank, "--steps", 3))
    # Synthetic models have fewer tokens than the demo base.
    tokens = random_tokens(16, 24)
    for width in (256, 512, 1024):
        file, _ = model(width, 3 * width, 4)
        add("step, width", width, ours("step", "--base", file, "--tokens", tokens, "--steps", 3, *THREADS))
    for layers in (2, 4, 8):
        file, _ = model(512, 1536, layers)
        add("step, layers", layers, ours("step", "--base", file, "--tokens", tokens, "--steps", 3, *THREADS))
    adapters = make(data("adapters-20"), peer("inputs", "adapters", 20, data("adapters-20")))
    for count in (5, 10, 20):
        words = ["--adapters", adapters, "--count", count, "--latents", data("latents-ours.f32"), *THREADS]
        add("projection, adapters", count, ours("projection", "--base", BASE, "--cache", CACHE, *words))
    rows = []
    for name, points in series.items():
        for key, text in (("seconds", "time"), ("peak_rss_bytes", "memory")):
            exponent = harness.slope([(size, result[key]) for size, result in points]) if len(points) > 1 else 0
            show = duration if key == "seconds" else lambda value: f"{value / 1e6:.0f} MB"
            values = ", ".join(f"{size:g}: {show(result[key])}" for size, result in points)
            theory = THEORY[name][key == "peak_rss_bytes"]
            rows.append([name, text, f"{exponent:.2f}", f"≤ {theory:g}", values])
            # A tenth for what a small range of sizes cannot tell apart.
            report.check(f"scaling: {name}, {text}", exponent <= theory + 0.1, f"exponent {exponent:.2f}, theory {theory:g}")
    report.plain("scaling", ["", "of", "exponent", "theory", "size: value"], rows, series)


CASES = {
    "machine": machine,
    "bases": bases,
    "build": build,
    "projection": projection,
    "step": step,
    "calibration": calibration,
    "scoring": scoring,
    "writing": writing,
    "decode": decode,
    "memory": memory,
    "startup": startup,
    "scaling": scaling,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, help="these cases alone; may be repeated")
    parser.add_argument("--pairs", type=int, help="rounds of ours and theirs (default 5, with --quick 3)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer peers")
    parser.add_argument("--large", action="store_true", help="matrices and models of a 7B model and beyond")
    parser.add_argument("--cap", type=float, help="seconds a process of `bases` may take (default 600, quick 60)")
    parser.add_argument("--matrix", action="append", help="bases: these matrices alone")
    parser.add_argument("--rank", action="append", type=int, choices=(16, 64, 256), help="bases: these ranks alone")
    parser.add_argument("--peer", action="append", help="bases: peers whose names hold this, such as sklearn")
    parser.add_argument("--type", action="append", help="decode: these types alone, such as q4_k")
    parser.add_argument("--adapters", type=int, help="projection: how many")
    options = parser.parse_args()
    options.cap = options.cap or (60 if options.quick else 600)
    os.makedirs(DATA, exist_ok=True)
    report = harness.Report(options.pairs or (3 if options.quick else 5))
    for name, case in CASES.items():
        if name in options.only if options.only else name not in ("memory", "build") or options.large:
            case(report, options)
    print(f"\nwritten to {os.path.relpath(report.save(), ROOT)}")
    for failure in report.failures:
        print(f"FAILED {failure}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
