"""GGUF files of the encoders that make_classes.py makes, by llama.cpp's own converter, from the same weights.

    make_encoder_files.py [NAME ...]

Writes golden/models/NAME/model.gguf: weights are bfloat16 numbers and stay what they are. The converter comes with the source of
llama-cpp-python (Makefile); LLAMA_CPP names its folder. Beside the model it gets a tokenizer_config.json as published models
have one, and the name of the splitting rule, which it otherwise knows by a digest of what a published tokenizer makes of a text.
Where xllamacpp is installed, llama.cpp's last states of the texts in case.json, the same model in Float32, are compared with
those of Transformers, and the largest difference is printed.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers

import cases

LLAMA_CPP = os.environ.get("LLAMA_CPP", "")
BERT = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
ROBERTA = {
    "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>",
    "pad_token": "<pad>", "mask_token": "<mask>",
}
# The class of the tokenizer with its special tokens, and the splitting rule.
FILES = {
    "bert": ({"tokenizer_class": "BertTokenizer"} | BERT, "bert-bge"),
    "roberta": ({"tokenizer_class": "RobertaTokenizer"} | ROBERTA, "roberta-bpe"),
    "roberta-score": ({"tokenizer_class": "RobertaTokenizer"} | ROBERTA, "roberta-bpe"),
    "xlm-roberta": ({"tokenizer_class": "XLMRobertaTokenizer"} | ROBERTA, "default"),
}

CONVERTER = """
import sys
sys.path.insert(0, {llama_cpp!r})
import conversion, conversion.base
conversion.load_all_models()
conversion.base.TextModel.get_vocab_base_pre = lambda self, tokenizer: {rule!r}
sys.argv = ["convert_hf_to_gguf.py", {folder!r}, "--outfile", {target!r}, "--outtype", {type!r}]
import convert_hf_to_gguf
convert_hf_to_gguf.main()
"""


def convert(name: str, target: str, kind: str) -> None:
    settings, rule = FILES[name]
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, name)
        os.makedirs(folder)
        for entry in ("config.json", "model.safetensors", "tokenizer.json"):
            shutil.copy(os.path.join(cases.output, "models", name, entry), folder)
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
            json.dump(settings, file)
        code = CONVERTER.format(llama_cpp=LLAMA_CPP, rule=rule, folder=folder, target=target, type=kind)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def llama_cpp_error(name: str) -> float | None:
    """The largest difference of last states of texts with one kind of tokens, as a share of the largest number."""
    folder = os.path.join(cases.output, "models", name)
    with open(os.path.join(folder, "case.json")) as file:
        texts = [row["ids"] for row in json.load(file)["parameters"]["tokens"] if not any(row["types"])]
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    with torch.no_grad():
        expected = [model(input_ids=torch.tensor([ids])).last_hidden_state[0] for ids in texts]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llama_cpp_states.py")
    with tempfile.TemporaryDirectory() as work:
        target = os.path.join(work, "model.gguf")
        convert(name, target, "f32")
        found = subprocess.run([sys.executable, script, target], input=json.dumps(texts), capture_output=True, text=True)
    rows = [line for line in found.stdout.splitlines() if line.startswith("STATES ")]
    if not rows:
        print(found.stderr[-600:], file=sys.stderr)
        return None
    pairs = list(zip(json.loads(rows[0][7:]), expected))
    scale = max(float(states.abs().max()) for _, states in pairs)
    return max(float((torch.tensor(a, dtype=torch.float64) - b).abs().max()) for a, b in pairs) / scale


def main() -> None:
    torch.set_num_threads(1)
    for name in sys.argv[1:] or FILES:
        target = os.path.join(cases.output, "models", name, "model.gguf")
        convert(name, target, "bf16")
        cases.renew_inputs(name)
        print(name, os.path.getsize(target), "llama.cpp", llama_cpp_error(name))


if __name__ == "__main__":
    main()
