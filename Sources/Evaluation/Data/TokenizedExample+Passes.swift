package import Files
public import Models

extension TokenBatch {
  /// Appends an example: its right completion, or its whole text.
  public mutating func append(_ example: TokenizedExample) {
    guard let whole = example.whole else {
      return append(prompt: example.prompt, completion: example.completion)
    }
    append(
      whole: example.prompt, types: whole.types, image: whole.image, position: whole.position,
      target: example.completion.first ?? 0, value: whole.value)
  }
}

extension TokenizedExample {
  /// Takes everything that passes see of it into a digest.
  package func update(_ hasher: inout SHA256Hasher) {
    for tokens in [prompt, completion] {
      hasher.update(Array(" \(tokens.count)".utf8))
      tokens.withUnsafeBytes { hasher.update($0) }
    }
    guard let whole else { return }
    let value = whole.value.map { "\($0.bitPattern)" } ?? ""
    hasher.update(Array(" at \(whole.position) \(value) \(whole.types.count)".utf8))
    whole.types.withUnsafeBytes { hasher.update($0) }
    guard let image = whole.image else { return }
    hasher.update(Array(" image \(image.index)".utf8) + image.array.identity)
  }
}
