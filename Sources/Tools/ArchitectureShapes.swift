/// The linear modules of models that people ask about by name, without their files.
public enum ArchitectureShapes: String, CaseIterable, Sendable {
  /// Llama and Llama 2 of 7 B.
  case llama7B = "llama-7b"
  /// Llama 2 of 13 B.
  case llama13B = "llama-13b"
  /// Llama 3 of 8 B.
  case llama3of8B = "llama3-8b"
  /// Mistral of 7 B.
  case mistral7B = "mistral-7b"
  /// Gemma of 7 B.
  case gemma7B = "gemma-7b"
  /// GPT-3 of 175 B: its attention only, as the LoRA papers count it.
  case gpt3 = "gpt3-175b"

  /// Names and `[outFeatures, inFeatures]` of one block's modules.
  private var block: [(name: String, shape: [Int])] {
    func llama(_ hidden: Int, _ query: Int, _ keyValue: Int, _ feed: Int) -> [(String, [Int])] {
      [
        ("q_proj", [query, hidden]), ("k_proj", [keyValue, hidden]),
        ("v_proj", [keyValue, hidden]), ("o_proj", [hidden, query]),
        ("gate_proj", [feed, hidden]), ("up_proj", [feed, hidden]), ("down_proj", [hidden, feed]),
      ]
    }
    return switch self {
    case .llama7B: llama(4096, 4096, 4096, 11008)
    case .llama13B: llama(5120, 5120, 5120, 13824)
    case .llama3of8B, .mistral7B: llama(4096, 4096, 1024, 14336)
    case .gemma7B: llama(3072, 4096, 4096, 24576)
    case .gpt3: ["q_proj", "k_proj", "v_proj", "o_proj"].map { ($0, [12288, 12288]) }
    }
  }

  private var layers: Int {
    switch self {
    case .llama7B, .llama3of8B, .mistral7B: 32
    case .llama13B: 40
    case .gemma7B: 28
    case .gpt3: 96
    }
  }

  /// The modules of all blocks that `targets` names, or all.
  public func modules(
    targets: [String] = [], loraRank: Int
  ) -> [SizeEstimate.Module] {
    let chosen = block.filter { targets.isEmpty || targets.contains($0.name) }
    return (0..<layers).flatMap { _ in
      chosen.map {
        SizeEstimate.Module(
          outFeatures: $0.shape[0], inFeatures: $0.shape[1], loraRank: loraRank)
      }
    }
  }
}
