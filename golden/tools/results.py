"""What a cross-check measured: printed as it comes, kept as golden/crosscheck/NAME.json."""

import importlib.metadata
import json
import os
import platform

import cases


class Results:
    def __init__(self, name: str, title: str, *libraries: str):
        self.name, self.title, self.libraries = name, title, libraries
        self.rows, self.skipped = [], []
        # Of programs that are no installed packages.
        self.versions = {}

    @property
    def failed(self) -> bool:
        return any(not row["ok"] for row in self.rows)

    def add(self, name: str, value: float, limit: float, above: bool = False) -> None:
        """A measurement, good up to `limit`, or from there where it shows that something changes at all."""
        good = bool(value >= limit if above else value <= limit)
        self.rows.append({
            "check": name, "value": float(f"{value:.3g}"), "limit": limit, "side": "at least" if above else "at most",
            "ok": good,
        })
        word, side = "ok    " if good else "FAILED", "above" if above else "limit"
        print(f"{word} {name}: {value:.1e} ({side} {limit:.0e})", flush=True)

    def skip(self, what: str, why: str) -> None:
        self.skipped.append({"check": what, "reason": why})
        print(f"skipped: {what}, {why}", flush=True)

    def write(self) -> int:
        """Records the run; the exit code."""
        def version(library: str):
            try:
                return importlib.metadata.version(library)
            except importlib.metadata.PackageNotFoundError:
                return None

        folder = os.path.join(cases.ROOT, "golden", "crosscheck")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{self.name}.json"), "w") as file:
            json.dump({
                "title": self.title, "generator": f"golden/tools/crosscheck_{self.name}.py",
                "libraries": {library: version(library) for library in self.libraries} | self.versions,
                "machine": platform.machine(), "results": self.rows, "skipped": self.skipped,
            }, file, indent=1)
            file.write("\n")
        return 1 if self.failed else 0
