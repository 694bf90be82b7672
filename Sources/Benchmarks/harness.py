"""Running one process a measurement, pairing, and what is printed. Python's standard library alone."""

import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = os.path.join(ROOT, "Sources", "Benchmarks", "peers")
BENCH = os.path.join(ROOT, ".build", "release", "xspress-bench")
XSPRESS = os.path.join(ROOT, ".build", "release", "xspress")
FOLDER = os.path.join(ROOT, "runs", "bench")
DATA = os.path.join(FOLDER, "data")
CORES = len(os.sched_getaffinity(0))
VERSIONS = ["torch", "transformers", "peft", "safetensors", "gguf", "scikit-learn", "scipy", "numpy"]


def peer_python() -> str:
    """BENCH_PYTHON, or a virtual environment made once from peers/requirements.txt."""
    given = os.environ.get("BENCH_PYTHON")
    if given:
        return given
    venv = os.path.join(ROOT, ".venv-bench")
    done = os.path.join(venv, "installed")
    if not os.path.exists(done):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [os.path.join(venv, "bin", "pip"), "install", "--quiet", "--requirement"]
        subprocess.run([*pip, os.path.join(PEERS, "requirements.txt")], check=True)
        open(done, "w").close()
    return os.path.join(venv, "bin", "python")


PYTHON = peer_python()


def ours(*words) -> list[str]:
    return [BENCH, *map(str, words)]


def peer(script: str, *words) -> list[str]:
    return [PYTHON, os.path.join(PEERS, script + ".py"), *map(str, words)]


def environment(threads: int) -> dict:
    """Threads for every library; each chooses its own kernels, whatever this machine's environment says."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return kept | {name: str(threads) for name in names}


class Failed(Exception):
    """A process that ended badly, or did not end in time."""


def run(command: list[str], limit: float | None = None, threads: int = CORES) -> dict:
    """The JSON line of one process."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment(threads), cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"more than {limit:.0f} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Failed(f"exit {done.returncode}: {last[:200]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def timed(command: list[str]) -> dict:
    """Wall time and peak memory of a command that prints no such line itself."""
    start = time.perf_counter()
    with open(os.devnull, "w") as null:
        child = subprocess.Popen(
            command, stdout=null, stderr=subprocess.PIPE, env=environment(CORES), cwd=ROOT
        )
        message = child.stderr.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if child.returncode != 0:
        raise Failed(f"exit {child.returncode}: {(message.strip().splitlines() or [''])[-1][:200]}")
    return {
        "what": os.path.basename(command[0]),
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes": usage.ru_maxrss * 1024,
    }


def make(path: str, command: list[str]) -> str:
    """An input that is made once. A `path` among the command's words stands for where to write it; it gets its
    name when it is whole."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        note(f"making {os.path.relpath(path, ROOT)}")
        part = path + ".part"
        shutil.rmtree(part, ignore_errors=True)
        words = [part if word == path else word for word in command]
        subprocess.run(words, check=True, cwd=ROOT, env=environment(CORES), stdout=subprocess.DEVNULL)
        if os.path.exists(part):
            os.rename(part, path)
    return path


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Report:
    """All results of a driver's run: tables on stdout as they come, one JSON file at the end."""

    def __init__(self, pairs: int):
        self.pairs = pairs
        self.machine = machine_line()
        self.tables: list[dict] = []
        self.failures: list[str] = []
        self.missing: dict[str, dict[str, str]] = {}
        print(self.machine["line"], flush=True)

    def check(self, what: str, passed: bool, detail: str) -> None:
        """A result that is not right fails the whole run, at its end."""
        if not passed:
            self.failures.append(f"{what}: {detail}")
            print(f"CHECK FAILED {what}: {detail}", flush=True)

    def rounds(self, title: str, commands: dict[str, list[str]], limit: float | None = None) -> dict:
        """Runs every command once a round, ours first, so that each peer has its pair near in time.

        Returns the lists of results by name; a command that fails leaves the later rounds.
        """
        results: dict[str, list[dict]] = {name: [] for name in commands}
        broken: dict[str, str] = {}
        for index in range(self.pairs):
            note(f"{title}: round {index + 1} of {self.pairs}")
            for name, command in commands.items():
                if name in broken:
                    continue
                try:
                    results[name].append(run(command, limit))
                except Failed as failure:
                    broken[name] = str(failure)
                    if name.startswith("ours"):
                        self.check(title, False, str(failure))
        for name, reason in broken.items():
            self.miss(title, name, reason)
            results[name] = []
        return results

    def miss(self, title: str, name: str, reason: str) -> None:
        """Has the table `title` say why there is no figure for `name`."""
        self.missing.setdefault(title, {})[name] = reason

    def table(self, title: str, results: dict[str, list[dict]], columns: dict | None = None) -> None:
        """Prints medians and spreads; `columns` are name to a function of a result."""
        base = [result["seconds"] for result in results.get("ours", [])]
        work = [result["processor_seconds"] for result in results.get("ours", [])]
        rows = []
        for name, found in results.items():
            if not found:
                continue
            seconds = [result["seconds"] for result in found]
            row = [name, duration(statistics.median(seconds)), f"{duration(min(seconds))}–{duration(max(seconds))}"]
            if base and name != "ours":
                ratios = [theirs / own for theirs, own in zip(seconds, base)]
                ratio = statistics.median(seconds) / statistics.median(base)
                row += [f"{ratio:.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}"]
            else:
                row += ["", ""]
            spent = middle(found, "processor_seconds")
            row.append(duration(spent))
            row.append(f"{spent / statistics.median(work):.2f}" if base and name != "ours" else "")
            row.append(f"{found[0]['peak_rss_bytes'] / 1e6:.0f} MB")
            for value in (columns or {}).values():
                row.append(value(found))
            rows.append(row)
        heads = ["", "median", "min–max", "÷ ours", "of pairs", "processors", "÷ ours", "peak", *(columns or {})]
        show(title, heads, rows)
        missing = self.missing.get(title, {})
        for name, reason in missing.items():
            print(f"  {name}: {reason}", flush=True)
        self.tables.append(
            {"title": title, "load": os.getloadavg()[0], "results": results, "missing": missing}
        )

    def plain(self, title: str, heads: list[str], rows: list[list[str]], data) -> None:
        """A table that is not of pairs; `data` is what the JSON file keeps."""
        show(title, heads, rows)
        self.tables.append({"title": title, "load": os.getloadavg()[0], "results": data})

    def save(self) -> str:
        os.makedirs(FOLDER, exist_ok=True)
        stamp = datetime.datetime.now().strftime("%Y-%m-%dT%H%M%S")
        path = os.path.join(FOLDER, stamp + ".json")
        with open(path, "w") as file:
            json.dump(
                {"machine": self.machine, "pairs": self.pairs, "failures": self.failures, "tables": self.tables},
                file,
                indent=1,
            )
        return path


def show(title: str, heads: list[str], rows: list[list[str]]) -> None:
    rows = [row + [""] * (len(heads) - len(row)) for row in rows]
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]
    print(f"\n{title}")
    for row in [heads, *rows]:
        cells = [cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())
    sys.stdout.flush()


def duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def middle(found: list[dict], key: str = "seconds") -> float:
    return statistics.median(result[key] for result in found)


def rate(key: str, unit: str, scale: float = 1e9):
    """A column: `key` of a run over its seconds."""
    return lambda found: f"{found[0][key] / middle(found) / scale:.1f} {unit}"


def slope(points: list[tuple[float, float]]) -> float:
    """The exponent p of y = c x^p, by least squares on logarithms."""
    import math

    xs, ys = zip(*((math.log(x), math.log(y)) for x, y in points))
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)


def machine_line() -> dict:
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    versions = json.loads(subprocess.run([PYTHON, "-c", code, *VERSIONS], capture_output=True, check=True).stdout)
    blas = run(ours("machine", "sgemm", "--size", 64, "--threads", CORES))
    load = os.getloadavg()
    line = (
        f"{model}, {CORES} cores, {memory:.1f} GiB, OpenBLAS {blas['openblas_core']} kernels with "
        f"{CORES} threads, load {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
    )
    return {"line": line, "cpu": model, "cores": CORES, "load": load, "versions": versions, "system": platform.platform()}
