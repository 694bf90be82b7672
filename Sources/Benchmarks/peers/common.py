"""What every peer shares: threads, timing, judging, the JSON line."""

import json
import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "golden", "tools"))


def set_threads(count: int) -> None:
    """For NumPy, SciPy and PyTorch alike; call it before importing any of them."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)


def measure(body, at_least: float = 0.5) -> tuple[float, int]:
    """The median time of a run, repeated until `at_least` seconds are spent, and the number of runs."""
    times = []
    while True:
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
        if sum(times) >= at_least:
            return statistics.median(times), len(times)


def peak_resident_bytes() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def emit(what: str, seconds: float, runs: int = 1, operations: float = 0, bytes: int = 0, **fields) -> None:
    line = {"what": what, "seconds": seconds, "runs": runs, "peak_rss_bytes": peak_resident_bytes()}
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
