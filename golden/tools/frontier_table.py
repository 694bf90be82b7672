"""The tables of golden/recovery/RESULTS.md, from the records of `xspress batch golden/recovery/frontier.yaml -o RUN`.

    python3 golden/tools/frontier_table.py [--summary] RUN
    python3 golden/tools/frontier_table.py --keep COMMIT RUN

RUN is a run, or a folder of what `--keep` writes: the records of the jobs that are done, without their modules, into
golden/recovery/frontier, so that a run can be made in parts. With `--summary` the table of README.md: a row a job, beside it the control of lowest NLL. Else a row is a form or a control, a column a budget; a cell has accuracy, NLL and bytes. `+` marks what is better than the result
by more than the 95% interval of the paired difference in NLL, `-` what is worse by more.
"""

import json
import pathlib
import re
import sys

ROWS = [
    ("**the result**", lambda v: v["kind"] == "artifact"),
    ("not tuned", lambda v: v["kind"] == "start"),
    ("other form", lambda v: v["name"].startswith("form ")),
    ("top directions", lambda v: v["name"] == "top directions"),
    ("zero start", lambda v: v["name"] == "zero start"),
    ("random bases", lambda v: v["name"] == "random bases"),
    ("LoRA cut by SVD", lambda v: "cut by SVD" in v["name"] and "distilled" not in v["name"]),
    ("the same, distilled", lambda v: "cut by SVD" in v["name"] and "distilled" in v["name"]),
    ("LoRA as sparse signs", lambda v: "sparse" in v["name"] and "distilled" not in v["name"]),
    ("the same, scales distilled", lambda v: "sparse" in v["name"] and "distilled" in v["name"]),
]


def mark(record, index):
    """How a variant compares with the result: the pair's interval of NLL(result) - NLL(variant)."""
    variants = record["evaluation"]["variants"]
    result = next(i for i, v in enumerate(variants) if v["kind"] == "artifact")
    for pair in record["evaluation"]["pairs"]:
        if (pair["a"], pair["b"]) == (index, result) and pair.get("nll_delta_ci95"):
            low, high = pair["nll_delta_ci95"]
            return " +" if low > 0 else " -" if high < 0 else ""
    return ""


def cell(record, chosen):
    for index, variant in enumerate(record["evaluation"]["variants"]):
        if chosen(variant):
            size = f"; {variant['bytes']:,} B" if variant.get("bytes") else ""
            name = f" ({variant['name'][5:]})" if variant["name"].startswith("form ") else ""
            return f"{100 * variant['accuracy']:.1f}%, {variant['nll']:.3f}{size}{name}{mark(record, index)}"
    return ""


def summary(tasks):
    print("| | as shipped | budget | **the result** | smaller | not tuned | the control of lowest NLL |")
    print("|---|---|---|---|---|---|---|")
    for task, budgets in tasks.items():
        for size in sorted(budgets):
            record = budgets[size]
            name = record["adapter"]["name"]
            variants = record["evaluation"]["variants"]
            lora, result = (next(v for v in variants if v["kind"] == kind) for kind in ("adapter", "artifact"))
            best = min((v for v in variants if v["kind"] == "control"), key=lambda v: v["nll"])
            shipped = f"{name}: {100 * lora['accuracy']:.1f}%, {lora['nll']:.3f} | {lora['bytes'] / 1e6:.2f} MB"
            if size != min(budgets):
                shipped = "|"
            control = re.sub(r"(?:, up to rank \d+|, density [\d.]+%)", "", best["name"])
            print(f"| {shipped} | {size}KB | {100 * result['accuracy']:.1f}%, {result['nll']:.3f} "
                  f"| {lora['bytes'] / result['bytes']:.0f}× | {cell(record, lambda v: v['kind'] == 'start')} "
                  f"| {cell(record, lambda v: v is best)}{'' if best['name'].startswith('form ') else f' ({control})'} |")


def without_places(value):
    """Of absolute paths the names alone."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_places(item) for item in value]
    return pathlib.PurePath(value).name if isinstance(value, str) and value.startswith("/") else value


def keep(records, commit):
    """Writes what the tables need of `records`, which a tool of `commit` made."""
    folder = pathlib.Path(__file__).parent.parent / "recovery" / "frontier"
    folder.mkdir(exist_ok=True)
    for record in records:
        if record["state"] == "done":
            kept = {"commit": commit} | {key: value for key, value in record.items() if key != "modules"}
            (folder / f"{record['name']}.json").write_text(
                json.dumps(without_places(kept), ensure_ascii=False, indent=1) + "\n")


def main():
    run = pathlib.Path(sys.argv[-1])
    paths = sorted(run.glob("jobs/*/record.json")) or sorted(run.glob("*.json"))
    records = [json.loads(path.read_text()) for path in paths]
    if "--keep" in sys.argv:
        return keep(records, sys.argv[sys.argv.index("--keep") + 1])
    tasks = {}
    for record in records:
        if record["state"] != "done":
            print(f"{record['name']}: {record['state']}\n")
            continue
        task, size = re.fullmatch(r"(.*)-(\d+)KB", record["name"]).groups()
        tasks.setdefault(task, {})[int(size)] = record
    if "--summary" in sys.argv:
        summary(tasks)
        return
    for task, budgets in tasks.items():
        sizes = sorted(budgets)
        first = budgets[sizes[0]]
        variants = first["evaluation"]["variants"]
        base, lora = (next(v for v in variants if v["kind"] == kind) for kind in ("base", "adapter"))
        print(f"{first['evaluation']['data']['n']} rows; base {100 * base['accuracy']:.1f}%, {base['nll']:.3f}; "
              f"LoRA {100 * lora['accuracy']:.1f}%, {lora['nll']:.3f}; {lora['bytes']:,} B\n")
        print(f"| {task} | " + " | ".join(f"{size}KB" for size in sizes) + " |")
        print("|---|" + "---|" * len(sizes))
        for name, chosen in ROWS:
            print(f"| {name} | " + " | ".join(cell(budgets[size], chosen) for size in sizes) + " |")
        forms = ", ".join(f"{size}KB {budgets[size]['settings']['form']}" for size in sizes)
        print(f"\nForm chosen by the race: {forms}\n")


if __name__ == "__main__":
    main()
