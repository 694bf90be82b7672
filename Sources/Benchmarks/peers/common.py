"""What every peer shares: threads, timing, judging, the JSON line."""

import json
import os
import statistics
import sys
import time
import typing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "golden", "tools"))


def set_threads(count: int) -> None:
    """For NumPy, SciPy and PyTorch alike; call it before importing any of them."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)


def transformers_models(threads: int, base: str | None = None):
    """golden/tools' models, of another Llama-shaped GGUF file than the demo base if one is given.

    It makes norm and angles exact for Float64; here Transformers runs as it comes.
    """
    import cases
    import torch
    from transformers.models.llama import modeling_llama

    originals = modeling_llama.LlamaRMSNorm.forward, modeling_llama.LlamaRotaryEmbedding.forward
    import models

    if base:
        cases.DEMO_BASE = base
    modeling_llama.LlamaRMSNorm.forward, modeling_llama.LlamaRotaryEmbedding.forward = originals
    torch.set_num_threads(threads)
    return models


class Timing(typing.NamedTuple):
    seconds: float  # the median of the runs
    runs: int
    processor_seconds: float  # the mean of a run, of all threads


def measure(body, at_least: float = 0.5) -> Timing:
    """Runs `body` until `at_least` seconds are spent."""
    times, processor = [], time.process_time()
    while True:
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
        if sum(times) >= at_least:
            return Timing(statistics.median(times), len(times), (time.process_time() - processor) / len(times))


def peak_resident_bytes() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def forget_peak() -> None:
    """Starts the kernel's high-water mark anew: what loading took in between is no part of the work."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def emit(what: str, timing: Timing, operations: float = 0, bytes: int = 0, **fields) -> None:
    line = {"what": what} | timing._asdict() | {"peak_rss_bytes": peak_resident_bytes()}
    print(json.dumps(line | {"operations": operations, "bytes": bytes} | fields))


def judge(weight, u, s, v, gap: float) -> dict:
    """Both residuals and both orthogonalities in Float64, as `BasisQuality` judges ours.

    `u` [out, r], `s` [r] descending, `v` [in, r]; `gap` is sigma_r - sigma_(r+1) of the matrix.
    """
    import numpy as np

    weight, u, s, v = (np.asarray(x, np.float64) for x in (weight, u, s, v))
    worst = max(
        np.linalg.norm(weight @ v - u * s, axis=0).max(),
        np.linalg.norm(weight.T @ u - v * s, axis=0).max(),
    )
    defect = max(np.abs(x.T @ x - np.eye(len(s))).max() for x in (u, v))
    return {"residual": worst / s[0], "orthogonality": defect, "span_error": worst / gap}
