"""Real models end to end: tokens and losses of `xspress` beside llama.cpp's and Transformers'.

    crosscheck_real.py [XSPRESS [FOLDER]]     FOLDER holds the models, `models` by default; those that are there are taken

Tokens: lines of the demo data and of the formats' pages, and random Unicode, as llama.cpp tokenises them with the file's own
vocabulary. Losses, in nats a token: rows of three demo tasks, and an end of a page behind more of it than the windows of
Gemma 3 hold, and an answer in the file's own chat template, which llama.cpp renders (mean of all tokens, as `evaluate` gives it; and the largest difference of one token between the other two).
Transformers runs the file's weights, decoded by gguf, in Float32; llama.cpp the same in a file of Float32 (f32_base.py),
since it rounds activations to eight bits where weights are quantised. What that does to the loss is measured, too.
"""

import json
import os
import subprocess
import sys
import tempfile
import unicodedata

import cases
import crosscheck_tokenizers
import make_lines
import real_models
from results import Results

MODELS = {
    "SmolLM2 135M": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "Gemma 3 270M": "gemma-3-270m-q4_k_m.gguf",
    "Qwen2.5 Coder 0.5B": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
}
TASKS = {"banking77": 6, "banking-topics": 6, "clinc-pairs": 2}
PAGE = "loraxs.md"
# Characters of the page as the prompt, and as the completion.
SPLIT, END = 3600, 3800
# Models with a template of their own; another is llama.cpp's and none of theirs.
CHATS = ["SmolLM2 135M", "Qwen2.5 Coder 0.5B"]
CHAT = {"role": "user", "content": "Write a function that adds two numbers."}
ANSWER = "Here is a function that adds two numbers:"
# The same Float32 weights in other kernels.
CLOSE = 1e-4
# llama.cpp's server adds the probabilities of all tokens up one by one in Float32.
SUMMED = 1e-3
# It looks GELU up in a table of half-precision values.
GELU = {"Gemma 3 270M": 10}
# Activations of eight bits.
QUANTISED = 0.1


def page(name: str) -> str:
    with open(os.path.join(cases.ROOT, "formats", name), encoding="utf-8") as file:
        return file.read()


def rows() -> list[dict]:
    found = []
    for task, count in TASKS.items():
        with open(os.path.join(cases.GOLDEN, "data", task, "test.jsonl"), encoding="utf-8") as file:
            for line in list(file)[:count]:
                row = json.loads(line)
                completion = row["completion"] if "completion" in row else row["choices"][row["answer"]]
                found.append({"prompt": row["prompt"], "completion": completion})
    text = page(PAGE)
    return found + [{"prompt": text[:SPLIT], "completion": text[SPLIT:END]}]


def lines() -> list[str]:
    # llama.cpp does not normalise; the originals of some of these tokenizers do.
    pages = [line for name in ("gguf.md", "loraxs.md", "tokenizers.md") for line in page(name).splitlines() if line]
    found = make_lines.data_lines("banking77")[:1000] + pages + make_lines.random_lines()[:500]
    return [line for line in found if unicodedata.is_normalized("NFC", line)]


def llama_cpp(path: str, request: dict) -> list:
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llama_cpp_score.py")
    run = subprocess.run([sys.executable, script, path], input=json.dumps(request), capture_output=True, text=True)
    answers = [line for line in run.stdout.splitlines() if line.startswith("ANSWER ")]
    if not answers:
        raise SystemExit(f"llama_cpp_score.py: {run.stderr[-600:]}")
    return json.loads(answers[0][len("ANSWER "):])


def check_tokens(results: Results, tool: str, name: str, path: str) -> None:
    texts = lines()
    ids = llama_cpp(path, {"tokenize": texts, "special": True})
    with tempfile.TemporaryDirectory() as folder:
        count, tokens = crosscheck_tokenizers.write_ids(folder, name, path, texts, ids, True)
        run = subprocess.run([tool, "verify", folder, "--json", "--quiet"], capture_output=True, text=True)
        row = json.loads(run.stdout)["results"][0]
    error = row["measurements"][0]["error"] if row["measurements"] else float("inf")
    results.add(f"{name}: {count} lines, {tokens} ids against llama.cpp, lines that differ", error, 0)


def mean(losses: list[list[float]]) -> float:
    return sum(map(sum, losses)) / sum(map(len, losses))


def check_losses(results: Results, tool: str, name: str, path: str) -> None:
    examples = rows() + [
        {"prompt": prompt, "completion": ANSWER} for prompt in llama_cpp(path, {"chat": [[CHAT]]}) if name in CHATS]
    prompts = llama_cpp(path, {"tokenize": [row["prompt"] for row in examples], "special": True})
    completions = llama_cpp(path, {"tokenize": [row["completion"] for row in examples], "special": False})
    ids = [{"prompt": a, "completion": b} for a, b in zip(prompts, completions)]
    with tempfile.TemporaryDirectory() as folder:
        data, whole = os.path.join(folder, "rows.jsonl"), os.path.join(folder, "f32.gguf")
        with open(data, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in examples)
        run = subprocess.run(
            [tool, "evaluate", "--base", path, "--data", data, "--json", "--quiet"], check=True, capture_output=True, text=True)
        ours = json.loads(run.stdout)["variants"][0]["nll"]
        rounded = llama_cpp(path, {"score": ids})
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "f32_base.py")
        subprocess.run([sys.executable, script, path, whole], check=True)
        theirs = llama_cpp(whole, {"score": ids})
    model = real_models.load(path)
    expected = [real_models.completion_losses(model, row["prompt"], row["completion"]) for row in ids]
    count, longest = sum(map(len, expected)), max(map(len, prompts))
    print(f"{name}: loss of {count} tokens, prompts of up to {longest}: XSPress {ours:.6f}, Transformers {mean(expected):.6f}, "
          f"llama.cpp {mean(theirs):.6f}, from the quantised file {mean(rounded):.6f}", flush=True)
    results.add(f"{name}: mean loss of {count} tokens against Transformers", abs(ours - mean(expected)), CLOSE)
    limit = GELU.get(name, 1)
    results.add(f"{name}: mean loss against llama.cpp, Float32", abs(ours - mean(theirs)), SUMMED * limit)
    worst = max(abs(a - b) for row, other in zip(expected, theirs) for a, b in zip(row, other))
    results.add(f"{name}: worst token, Transformers against llama.cpp", worst, 10 * SUMMED * limit)
    results.add(f"{name}: mean loss against llama.cpp, quantised", abs(ours - mean(rounded)), QUANTISED)


def main() -> int:
    tool = sys.argv[1] if len(sys.argv) > 1 else os.path.join(cases.ROOT, ".build", "release", "xspress")
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(cases.ROOT, "models")
    results = Results(
        "real", "Real models: tokens against llama.cpp, losses against Transformers and llama.cpp", "torch", "transformers",
        "gguf", "xllamacpp")
    for name, file in MODELS.items():
        path = os.path.join(folder, file)
        if not os.path.exists(path):
            results.skip(name, "fetch_models.py was not run")
            continue
        check_tokens(results, tool, name, path)
        check_losses(results, tool, name, path)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
