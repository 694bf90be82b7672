"""The last states of an encoder by llama.cpp, in a process of its own: it aborts on what it does not take.

    llama_cpp_states.py MODEL      reads lists of token ids from stdin, writes a list of states for each, both JSON
"""

import json
import sys

import xllamacpp

import llama_cpp_run
from llama_cpp_score import post


def main() -> None:
    parameters = llama_cpp_run.parameters(sys.argv[1], context=64)
    parameters.embedding = True
    parameters.embd_normalize = -1
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_NONE
    server = xllamacpp.Server(parameters)
    rows = [
        post(server, "/embedding", {"content": ids, "embd_normalize": -1})[0]["embedding"] for ids in json.load(sys.stdin)]
    print("STATES " + json.dumps(rows))


if __name__ == "__main__":
    main()
