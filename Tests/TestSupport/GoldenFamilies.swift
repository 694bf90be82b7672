import Foundation

/// The families of decoders of `golden/models/`, by their folders.
public enum GoldenFamilies {
  /// All of them, as Hugging Face writes them.
  public static let all: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter { exists($0, "case.json") && !exists($0, "rows.jsonl") }.sorted()
  }()

  /// Those that there is a GGUF file of too: llama.cpp has no word for Mistral's window and for blocks without experts among
  /// others that have some.
  public static let withGGUF = all.filter { exists($0, "model.gguf") }

  private static let root = Checkout.path("golden/models")

  private static func exists(_ family: String, _ file: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(root)/\(family)/\(file)")
  }
}
