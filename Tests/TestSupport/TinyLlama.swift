import Checkpoints
import Foundation

/// The two-layer model of golden/tiny/model, as a folder that a test may damage and as GGUF.
public enum TinyLlama {
  /// The folder in the checkout.
  public static let folder = Checkout.path("golden/tiny/model")

  /// Runs `body` with a copy of the folder, whose `config.json` has passed through `change`.
  public static func withCopy<R>(
    config change: (inout [String: Any]) -> Void = { _ in }, _ body: (String) throws -> R
  ) throws -> R {
    try withTemporaryDirectory { parent in
      let copy = parent + "/model"
      try FileManager.default.copyItem(atPath: folder, toPath: copy)
      let url = URL(fileURLWithPath: copy + "/config.json")
      let parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
      var config = parsed as? [String: Any] ?? [:]
      change(&config)
      try JSONSerialization.data(withJSONObject: config).write(to: url)
      return try body(copy)
    }
  }

  /// The model, or that of another folder, as GGUF in F32, queries and keys interleaved as converters do.
  public static func gguf(of folder: String = folder) throws -> GGUFBuilder {
    let base = try BaseCheckpoint.open(folder)
    var builder = GGUFBuilder()
    builder.add("general.architecture", string: "llama")
    let configuration = base.configuration
    builder.add("llama.context_length", u32: UInt32(configuration.contextLength))
    builder.add("llama.embedding_length", u32: UInt32(configuration.hiddenSize))
    builder.add("llama.block_count", u32: UInt32(configuration.layerCount))
    builder.add("llama.feed_forward_length", u32: UInt32(configuration.feedForwardSize))
    builder.add("llama.attention.head_count", u32: UInt32(configuration.headCount))
    builder.add("llama.attention.head_count_kv", u32: UInt32(configuration.keyValueHeadCount))
    builder.add("llama.attention.layer_norm_rms_epsilon", f32: 1e-5)
    builder.add("llama.rope.freq_base", f32: Float(configuration.ropeTheta))
    for tensor in base.tensors {
      var values = try base.checkpoint.floats(tensor.name)
      let isQuery = tensor.name.contains(".q_proj.")
      if isQuery || tensor.name.contains(".k_proj.") {
        let heads = isQuery ? configuration.headCount : configuration.keyValueHeadCount
        values = interleaved(values, rows: tensor.shape[0], heads: heads)
      }
      builder.add(name(tensor.name), shape: tensor.shape, floats: values)
    }
    return builder
  }

  /// A byte-level tokenizer of the 64 tokens: `!`...`^`, one special one and a merge.
  public static func addTokenizer(to builder: inout GGUFBuilder) {
    builder.add("tokenizer.ggml.model", string: "gpt2")
    builder.add("tokenizer.ggml.pre", string: "smollm")
    let letters = (0x21...0x5e).map { String(UnicodeScalar(UInt8($0))) }
    builder.add("tokenizer.ggml.tokens", strings: letters + ["<|end|>", "AB"])
    builder.add("tokenizer.ggml.merges", strings: ["A B"])
    let types = [Int32](repeating: 1, count: 62) + [3, 1]
    builder.add(
      "tokenizer.ggml.token_type", raw: 9,
      GGUFBuilder.little(UInt32(5)) + GGUFBuilder.little(UInt64(64))
        + types.flatMap { GGUFBuilder.little($0) })
    builder.add("tokenizer.ggml.eos_token_id", u32: 62)
  }

  /// As converters write it: reshape to [heads, 2, rows/heads/2, columns] and swap the middle axes.
  private static func interleaved(_ values: [Float], rows: Int, heads: Int) -> [Float] {
    let columns = values.count / rows
    let half = rows / heads / 2
    var result: [Float] = []
    for head in 0..<heads {
      for pair in 0..<half {
        for side in 0..<2 {
          let row = (head * 2 + side) * half + pair
          result += values[row * columns..<(row + 1) * columns]
        }
      }
    }
    return result
  }

  /// The GGUF name of a Hugging Face name.
  public static func name(_ name: String) -> String {
    var result = name
    for (from, to) in [
      ("model.layers.", "blk."), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
      ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
      ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
      ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
      ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
    ] {
      result = result.replacingOccurrences(of: from, with: to)
    }
    return result
  }
}
