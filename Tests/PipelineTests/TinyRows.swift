import TestSupport

/// The tiny model with a tokenizer, and openings for texts that its adapter writes.
enum TinyRows {
  /// A GGUF file.
  static func base() throws -> [UInt8] {
    var builder = try TinyLlama.gguf()
    TinyLlama.addTokenizer(to: &builder)
    return builder.bytes()
  }

  /// `count` prompts of three letters, all different.
  static func openings(_ count: Int) -> String {
    let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")
    return (0..<count).map { index in
      let text = String([letters[index % 24], letters[index / 24 % 24], letters[index * 7 % 24]])
      return "{\"opening\": \"\(text)\", \"length\": 1}\n"
    }.joined()
  }

  /// `count` rows with two choices, prompts all different.
  static func choices(_ count: Int) -> String {
    let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")
    return (0..<count).map { index in
      let text = String([letters[index % 3], letters[index % 24], letters[index / 24 % 24]])
      return "{\"prompt\": \"\(text)\", \"choices\": [\"C\", \"D\"], \"answer\": \(index % 2)}\n"
    }.joined()
  }
}
