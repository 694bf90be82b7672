import Foundation
import TestSupport

/// A pair of files `NAME.inp` and `NAME.out` as llama.cpp publishes them.
struct TokenizerVectors {
  var cases: [(text: String, ids: [Int32])] = []

  init(_ name: String) throws {
    let texts = try Self.text(name + ".inp").components(separatedBy: "\n__ggml_vocab_test__\n")
    var lines = try Self.text(name + ".out").components(separatedBy: "\n")
    // The file ends with a line end; one case is an empty line.
    if lines.last == "" { lines.removeLast() }
    for (text, line) in zip(texts, lines) {
      cases.append((text, line.split(separator: " ").compactMap { Int32($0) }))
    }
  }

  private static func text(_ name: String) throws -> String {
    let data = try Data(contentsOf: URL(fileURLWithPath: Checkout.path(name)))
    return String(decoding: data, as: UTF8.self)
  }
}
