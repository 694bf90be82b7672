"""Completions scored, and tokens written after prompts, by Transformers or llama.cpp.

Transformers takes all prompts of like length together, padded: on the right to score, on the left to write. Only the places
asked for pass through the head. llama.cpp takes prompt after prompt and multiplies quantised weights as they are.
"""

import argparse
import json

import common

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["scoring", "writing"])
parser.add_argument("--tokens", required=True)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
parser.add_argument("--llama-cpp", metavar="MODEL", help="by llama.cpp, this file; scoring of one token each")
parser.add_argument("--length", type=int, default=32)
parser.add_argument("--groups", type=int, default=1)
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
common.set_threads(arguments.threads)

with open(arguments.tokens) as opened:
    examples = json.load(opened)


def parts() -> list[list[int]]:
    """Places of the examples, those of like length together."""
    order = sorted(range(len(examples)), key=lambda place: len(examples[place]["prompt"]))
    size = -(-len(order) // arguments.groups)
    return [order[start : start + size] for start in range(0, len(order), size)]


def transformers_scoring(torch, model):
    losses = [0.0] * len(examples)
    for part in parts():
        rows = [examples[place]["prompt"] + examples[place]["completion"] for place in part]
        width = max(map(len, rows)) - 1
        ids = torch.tensor([row[:-1] + [0] * (width + 1 - len(row)) for row in rows])
        # Padding on the right is seen by nobody, so that no mask is needed.
        states = model.model(input_ids=ids, use_cache=False).last_hidden_state
        for index, place in enumerate(part):
            start, completion = len(examples[place]["prompt"]) - 1, examples[place]["completion"]
            logits = model.lm_head(states[index, start : start + len(completion)]).float()
            found = torch.log_softmax(logits, dim=-1)[range(len(completion)), completion]
            losses[place] = -float(found.sum())
    return losses


def transformers_writing(torch, model):
    written = [[]] * len(examples)
    for part in parts():
        prompts = [examples[place]["prompt"] for place in part]
        width = max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in prompts])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts])
        found = model.generate(
            input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=arguments.length,
            min_new_tokens=arguments.length, pad_token_id=0)
        for place, row in zip(part, found[:, width:].tolist()):
            written[place] = row
    return written


def transformers():
    import torch

    models = common.transformers_models(arguments.threads)
    model = models.demo_base(torch.float32).to(getattr(torch, arguments.dtype)).eval()
    model.generation_config.eos_token_id = None
    work = transformers_scoring if arguments.work == "scoring" else transformers_writing
    with torch.no_grad():
        found = work(torch, model)
        return found, common.measure(lambda: work(torch, model))


def llama_cpp():
    import llama_cpp_run
    import xllamacpp

    settings = llama_cpp_run.parameters(arguments.llama_cpp, context=2048)
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = arguments.threads
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO
    server = xllamacpp.Server(settings)

    def loss(example) -> float:
        (token,) = example["completion"]
        answer = server.handle_completions({
            "prompt": example["prompt"], "n_predict": 1, "n_probs": 1, "cache_prompt": False, "seed": 1,
            "logit_bias": [[token, 1000]], "temperature": 0})
        return -answer["choices"][0]["logprobs"]["content"][0]["logprob"]

    found = [loss(example) for example in examples]
    return found, common.measure(lambda: [loss(example) for example in examples])


found, timing = llama_cpp() if arguments.llama_cpp else transformers()
common.emit(
    arguments.work, timing, dtype=arguments.dtype, threads=arguments.threads, groups=arguments.groups,
    **{"losses" if arguments.work == "scoring" else "written": found})
