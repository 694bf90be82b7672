"""Lines of the readers that their tests run, and places that refuse which none reaches, against README.md beside this.

    coverage.py EXPORT.json [--write]

EXPORT.json is what `swift test --enable-code-coverage` leaves. It fails where a reader has fewer of its lines run than the page
says (or than 95%, where it has reached that), where a `throw` that no test reaches is not listed there, and where one is listed
although it is reached or gone (`LOST`: reached by some runs). `--write` puts what was measured into the page; reasons are written by hand and kept.
"""

import argparse
import bisect
import collections
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "Tests", "Coverage", "README.md")
LEAST = 95.0
# How the reason begins where a run may miss what is reached: counters are not atomic, and that of a last `else` is what the
# others leave of the whole.
LOST = "reached, and its count may be lost"
# What reads files that others wrote.
READERS = [
    "Adapters", "Artifacts", "Bases/BasisPack.swift", "Bases/BasisCacheEntry", "Checkpoints", "Compression", "Evaluation/Data",
    "Evaluation/Published", "Files", "JSON", "Patterns", "Recipes/Manifest", "Reports/Records", "Signatures", "Tokenizers",
    "Training/TuningCheckpoint",
]


def reader_of(path: str) -> str | None:
    place = path.split("/Sources/", 1)[-1]
    return next((name for name in READERS if place.startswith(name)), None)


class File:
    def __init__(self, entry: dict):
        self.path = "Sources/" + entry["filename"].split("/Sources/", 1)[-1]
        self.lines = entry["summary"]["lines"]
        self.segments = [(line, column, count, has) for line, column, count, has, *_ in entry["segments"]]
        self.starts = [(line, column) for line, column, *_ in self.segments]

    def count(self, line: int, column: int) -> int | None:
        """How often what stands at a place was run; None where nothing is counted."""
        index = bisect.bisect_right(self.starts, (line, column)) - 1
        if index < 0:
            return None
        *_, count, has = self.segments[index]
        return count if has else None

    def throws(self):
        """Every `throw` as (text, whether it was run): its own line and the next, which has the code word."""
        with open(os.path.join(ROOT, self.path)) as file:
            lines = file.read().split("\n")
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0]
            for match in re.finditer(r"\bthrow (?=\S)", code):
                # Passing on what was caught is no refusal of its own.
                if re.match(r"throw (error|fault)\b", code[match.start():]):
                    continue
                count = self.count(number, match.start() + 1)
                words = re.sub(r"\s+", " ", " ".join([line[match.start():], *lines[number:number + 3]]))
                yield number, words[:90].replace("|", "/").replace("`", "'").strip(), count


def listed() -> dict[tuple[str, str], str]:
    """The reasons of the page by file and text."""
    result = {}
    with open(PAGE) as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if len(cells) == 3 and cells[0].startswith("`Sources/"):
                result[cells[0].strip("`"), cells[1].strip("`")] = cells[2]
    return result


def shares() -> dict[str, float]:
    """The lines run of every reader, as the page has them."""
    with open(PAGE) as file:
        return {name: float(share) for name, share in re.findall(r"\| `([^`]+)` \| \d+ \| ([\d.]+)% \|", file.read())}


def write(rows: list[str], missed: list[tuple[str, str, str]]) -> None:
    with open(PAGE) as file:
        page = file.read()
    figures = "\n".join(["| reader | lines | run | `throw` | reached |", "|---|---|---|---|---|", *rows])
    places = "\n".join([
        "| file | refusal | reason |", "|---|---|---|", *sorted({f"| `{path}` | `{text}` | {why} |" for path, text, why in missed})])
    for name, text in (("figures", figures), ("places", places)):
        head, rest = page.split(f"<!-- {name} -->\n", 1)
        page = f"{head}<!-- {name} -->\n{text}\n<!-- /{name} -->{rest.split(f'<!-- /{name} -->', 1)[1]}"
    with open(PAGE, "w") as file:
        file.write(page)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("export")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with open(options.export) as file:
        entries = json.load(file)["data"][0]["files"]
    lines, covered = collections.Counter(), collections.Counter()
    throws, hit = collections.Counter(), collections.Counter()
    missed = []
    for entry in entries:
        if "/Sources/" not in entry["filename"] or (reader := reader_of(entry["filename"])) is None:
            continue
        file = File(entry)
        lines[reader] += file.lines["count"]
        covered[reader] += file.lines["covered"]
        for number, text, count in file.throws():
            throws[reader] += 1
            if count:
                hit[reader] += 1
            else:
                missed.append((file.path, number, text))
    rows, failed, before = [], False, shares()
    for reader in READERS:
        if not lines[reader]:
            raise SystemExit(f"coverage.py: nothing was measured of {reader}")
        share = 100 * covered[reader] / lines[reader]
        if share < min(LEAST, before.get(reader, LEAST)) - 0.05:
            failed = True
            print(f"fewer lines run than the page says: {reader}")
        rows.append(f"| `{reader}` | {lines[reader]} | {share:.1f}% | {throws[reader]} | {hit[reader]} |")
    total, run = sum(lines.values()), sum(covered.values())
    rows.append(f"| all | {total} | {100 * run / total:.1f}% | {sum(throws.values())} | {sum(hit.values())} |")
    print("\n".join(rows))
    reasons = listed()
    for path, number, text in missed:
        if (path, text) not in reasons:
            failed = True
            print(f"not reached: {path}:{number}: {text}")
    for path, text in reasons.keys() - {(path, text) for path, _, text in missed}:
        if reasons[path, text].startswith(LOST):
            continue
        failed = True
        print(f"listed, and reached or gone: {path}: {text}")
    if options.write:
        unsure = [place for place, why in reasons.items() if why.startswith(LOST)]
        missed += [(path, 0, text) for path, text in unsure if (path, text) not in {(p, t) for p, _, t in missed}]
        write(rows, [(path, text, reasons.get((path, text), "no test yet")) for path, _, text in missed])
    print("coverage: FAILED" if failed else "coverage: ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
