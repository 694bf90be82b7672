"""Log-probabilities of the next token by llama.cpp, in a process of its own: it aborts on what it does not take.

    llama_cpp_run.py MODEL [LORA]      reads lists of token ids from stdin, writes rows of log-probabilities, both JSON
"""

import json
import sys

import xllamacpp


def parameters(path: str, context: int = 128, lora: str | None = None) -> xllamacpp.CommonParams:
    """One thread, one sequence, nothing rounded that need not be."""
    found = xllamacpp.CommonParams()
    found.model.path = path
    if lora is not None:
        found.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(lora, 1.0)]
    found.n_ctx, found.n_parallel, found.n_gpu_layers = context, 1, 0
    found.warmup, found.fit_params, found.verbosity = False, False, -1
    found.cpuparams.n_threads = 1
    found.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # A half-precision cache of keys and values would be the largest error of all.
    found.cache_type_k = found.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    return found


def main() -> None:
    prompts = json.load(sys.stdin)
    server = xllamacpp.Server(parameters(sys.argv[1], lora=sys.argv[2] if len(sys.argv) > 2 else None))
    rows = []
    for ids in prompts["prompts"]:
        answer = server.handle_completions({
            "prompt": ids, "n_predict": 1, "n_probs": prompts["tokens"], "cache_prompt": False, "seed": 1,
            # Log-probabilities are those before any sampling; tokens without text would have none.
            "logit_bias": [[40, 1000]],
        })
        answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
        found = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        row = [None] * prompts["tokens"]
        for entry in found:
            row[entry["id"]] = entry["logprob"]
        rows.append(row)
    print("ROWS " + json.dumps(rows))


if __name__ == "__main__":
    main()
