"""JSON Schemas of formats/ by PyPI's jsonschema: every document of the repository, documents of a run on the tiny model,
and the corpus of refusals in golden/documents/refused, whose verdicts its index says.

    crosscheck_documents.py [XSPRESS] [--write]     --write keeps the run's documents in golden/documents/good

Manifests are read as YAML 1.2 (PyYAML with the core schema's scalars), so that `yes` is a text and `1e-3` a number.
"""

import copy
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import gguf
import jsonschema
import referencing
import yaml

import cases
from results import Results

GOLDEN = os.path.join(cases.ROOT, "golden")
FORMATS = os.path.join(cases.ROOT, "formats")
REFUSED = os.path.join(GOLDEN, "documents", "refused")
GOOD = os.path.join(GOLDEN, "documents", "good")

sys.path.insert(0, os.path.join(FORMATS, "python"))
import xspress_reader  # noqa: E402


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, and no key twice."""

    yaml_implicit_resolvers = {}

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(map(str, keys))):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return super().construct_mapping(node, deep)


def integer(loader, node):
    return int(node.value, 0) if re.match(r"0[xo]", node.value) else int(node.value)


Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), None)
Core.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$"), None)
Core.add_constructor("tag:yaml.org,2002:int", integer)


def schemas() -> dict:
    """A validator for each schema, by the document's name."""
    texts = {}
    for path in sorted(glob.glob(os.path.join(FORMATS, "*.schema.json"))):
        with open(path) as file:
            texts[os.path.basename(path)] = json.load(file)
    registry = referencing.Registry().with_resources(
        (name, referencing.Resource.from_contents(text)) for name, text in texts.items())
    for text in texts.values():
        jsonschema.Draft202012Validator.check_schema(text)
    return {
        name.split(".")[0]: jsonschema.Draft202012Validator(text, registry=registry)
        for name, text in texts.items()
    }


def verdict(validator, document) -> str:
    """Empty, or the first complaint with its place."""
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return "" if error is None else f"{'/'.join(map(str, error.absolute_path))}: {error.message[:120]}"


def base_with_tokenizer(path: str) -> None:
    """The tiny model with a byte-level tokenizer of its 64 tokens, so that it reads texts."""
    reader = gguf.GGUFReader(os.path.join(GOLDEN, "gguf", "tiny", "model.gguf"))
    writer = gguf.GGUFWriter(path, "llama")
    for key, field in reader.fields.items():
        if not key.startswith(("GGUF.", "tokenizer.")) and key != "general.architecture":
            writer.add_key_value(key, field.contents(), field.types[0], (field.types[1:] or [None])[0])
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([chr(code) for code in range(0x21, 0x5F)] + ["<|end|>", "AB"])
    writer.add_token_merges(["A B"])
    writer.add_token_types([1] * 62 + [3, 1])
    writer.add_eos_token_id(62)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def made_documents(tool: str) -> list:
    """(schema, name, document) of everything that the tool writes about one small run."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.join(folder, "base.gguf")
        base_with_tokenizer(base)
        letters = "CDEFGHIJKLMNOPQRSTUVWXYZ"
        rows = [{"prompt": letters[i % 24] + letters[i * 7 % 24], "completion": letters[i * 5 % 24]} for i in range(96)]
        data = os.path.join(folder, "rows.jsonl")
        with open(data, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        adapter = os.path.join(GOLDEN, "tiny", "adapter")
        environment = os.environ | {"XDG_CACHE_HOME": os.path.join(folder, "cache")}

        def run(*arguments, codes=(0,)):
            done = subprocess.run(
                [tool, *arguments, "--log", "none"], capture_output=True, text=True, cwd=folder, env=environment)
            if done.returncode not in codes:
                raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
            return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

        common = ["--base", base, "--adapter", adapter, "--json", "-o"]
        for name, options in {
            "convert": ["--rank", "3"], "budget": ["--budget", "2500", "--residual", "200B"],
            "own": ["--directions", "own", "--embed-bases"],
            "measured": ["--rank", "4x2", "--eval", data, "--control", "truncated"],
        }.items():
            made.append(("record", name, run("convert", *common, f"{name}.loraxs", *options)))
            made.append(("recipe", name, run("convert", *common, "x.loraxs", *options, "--dry-run")))
        tune = ["--rank", "4", "--train", data, "--steps", "3", "--lr-search", "--eval", data]
        made.append(("record", "tune", run("tune", *common, "tune.loraxs", *tune)))
        made.append(("recipe", "tune", run("tune", *common, "x.loraxs", *tune, "--dry-run")))
        for name in ["convert", "budget", "own", "measured", "tune"]:
            metadata = xspress_reader.Artifact(os.path.join(folder, f"{name}.loraxs")).metadata
            made.append(("loraxs", f"metadata of {name}", metadata))
        made.append(("evaluation", "evaluate", run(
            "evaluate", "--base", base, "--adapter", adapter, "--artifact", "tune.loraxs", "--data", data, "--json")))
        manifest = f"""
schema: xspress.manifest/1
bases: {{tiny: {{path: {base}}}}}
defaults: {{tune: {{data: {data}, steps: 3}}, evaluate: {{data: {data}}}}}
adapters:
  - {{path: {adapter}, name: done, rank: 4, controls: [top, zero, random, truncated, ternary]}}
  - {{path: {adapter}, name: rejected, budget: 2400, store: int2, min_retained: 1}}
  - {{path: {folder}/none, name: failed, rank: 4}}
  - {{path: {adapter}, name: skipped, rank: 4}}
"""
        with open(os.path.join(folder, "m.yaml"), "w") as file:
            file.write(manifest)
        made.append(("manifest", "of the run", yaml.load(manifest, Core)))
        run("batch", "m.yaml", "-o", "run", "--only", "done", "--only", "rejected", "--only", "failed", codes=(65, 66))
        for path in sorted(glob.glob(os.path.join(folder, "run", "jobs", "*", "record.json"))):
            with open(path) as file:
                made.append(("record", path.split("/")[-2], json.load(file)))
        with open(os.path.join(folder, "run", "report", "report.json")) as file:
            made.append(("report", "report", json.load(file)))
        text = json.dumps([document for _, _, document in made]).replace(folder, "FOLDER").replace(cases.ROOT, "ROOT")
        return [(schema, name, document) for (schema, name, _), document in zip(made, json.loads(text))]


def repository_manifests() -> list:
    """(name, tree) of every manifest in the repository: files, and examples of the page and the README."""
    found = []
    for path in sorted(glob.glob(os.path.join(GOLDEN, "**", "*.yaml"), recursive=True)):
        if not path.startswith(REFUSED):
            with open(path) as file:
                found.append((os.path.relpath(path, cases.ROOT), yaml.load(file, Core)))
    for page in [os.path.join(FORMATS, "manifest.md"), os.path.join(cases.ROOT, "README.md")]:
        with open(page) as file:
            text = file.read()
        for block in re.findall(r"(?:^    .*\n|^\n)*^    schema: xspress.manifest/1\n(?:^    .*\n)*", text, re.M):
            found.append((f"example of {os.path.basename(page)}", yaml.load(re.sub(r"^    ", "", block, flags=re.M), Core)))
    return found


def changed(document, change):
    """A copy with one place set or removed."""
    document = copy.deepcopy(document)
    *parents, last = change["at"]
    place = document
    for key in parents:
        place = place[key]
    if change.get("remove"):
        del place[last]
    else:
        place[last] = change["value"]
    return document


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    tool = os.path.abspath(arguments[0]) if arguments else os.path.join(cases.ROOT, ".build", "release", "xspress")
    results = Results("documents", "JSON Schemas by jsonschema", "jsonschema", "PyYAML", "gguf")
    validators = schemas()

    def wrong(name: str, complaints: list, count: int) -> None:
        for complaint in complaints:
            print(f"  {complaint}")
        results.add(f"{name}: {count}, wrong", len(complaints), 0)

    manifests = repository_manifests()
    found = [(name, verdict(validators["manifest"], tree)) for name, tree in manifests]
    wrong("manifests of the repository", [f"{name}: {text}" for name, text in found if text], len(found))

    made = made_documents(tool)
    for schema in sorted(validators):
        rows = [(name, verdict(validators[schema], document)) for kind, name, document in made if kind == schema]
        wrong(f"{schema} documents of a run", [f"{name}: {text}" for name, text in rows if text], len(rows))
    if "--write" in sys.argv:
        for name, (kind, source) in {
            "record": ("record", "tune"), "evaluation": ("evaluation", "evaluate"), "report": ("report", "report"),
        }.items():
            document = next(d for k, n, d in made if (k, n) == (kind, source))
            with open(os.path.join(GOOD, f"{name}.json"), "w") as file:
                file.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    with open(os.path.join(REFUSED, "index.json")) as file:
        index = json.load(file)
    complaints, exceptions = [], []
    for entry in index["manifests"]:
        with open(os.path.join(REFUSED, entry["file"])) as file:
            try:
                text = verdict(validators["manifest"], yaml.load(file, Core))
                said = "refuses" if text else "accepts"
            except (yaml.YAMLError, ValueError):
                said = "text"
        if entry["schema"] != "text" and said != entry["schema"]:
            complaints.append(f"{entry['file']}: the schema {said}, the index says {entry['schema']}")
        if entry["schema"] != "refuses":
            exceptions.append(entry)
            if entry["schema"] == "accepts" and not entry.get("why"):
                complaints.append(f"{entry['file']}: an exception without a reason")
    wrong("refused manifests", complaints, len(index["manifests"]))
    good, complaints = {}, []
    for entry in index["changes"]:
        name = entry["document"]
        if name not in good:
            with open(os.path.join(GOOD, f"{name}.json")) as file:
                good[name] = json.load(file)
        text = verdict(validators[name], changed(good[name], entry))
        said = "refuses" if text else "accepts"
        if said != entry["schema"]:
            complaints.append(f"{entry['name']}: the schema {said}, the index says {entry['schema']}")
        if entry["schema"] == "accepts":
            exceptions.append(entry)
    wrong("refused documents", complaints, len(index["changes"]))
    rows = [f"{name}.json: {text}" for name, document in good.items() if (text := verdict(validators[name], document))]
    wrong("good documents", rows, len(good))
    print(f"{len(exceptions)} refusals of the reader are not the schema's; golden/documents/refused/index.json says why")
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
