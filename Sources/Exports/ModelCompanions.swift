import Checkpoints
import Faults
import Files
import JSON
import Progress
import Tokenizers

/// What a merged model needs beside weights and configuration: the files of a Hugging Face base, or the vocabulary
/// of a GGUF file as a tokenizer (`formats/hf.md` §5.2).
struct ModelCompanions {
  /// A file to be written.
  private enum Content {
    case copy(String)
    case text(JSONValue)
  }

  private var files: [(name: String, content: Content)] = []
  /// What people should know.
  private(set) var warnings: [Warning] = []
  private static let byteLimit = 1 << 30

  /// The companions of `base`; nothing is written yet.
  ///
  /// - Throws: 65 `PATH` for a link out of the base's folder.
  init(of base: BaseCheckpoint) throws(Fault) {
    if let found = try base.checkpoint.companionFiles() {
      files = found.kept.map { ($0.name, .copy($0.path)) }
      if base.configuration.imageShape == nil,
        !found.kept.contains(where: { Self.vocabularies.contains($0.name) })
      {
        warnings.append(
          Warning(
            "EXPORT-TOKENIZER",
            "no tokenizer is written: the base has none; put its files beside the merged model"))
      }
      if !found.left.isEmpty {
        let shown = found.left.prefix(12).map { Fault.escaped($0, limit: 64) }
        let more = found.left.count - shown.count
        warnings.append(
          Warning(
            "EXPORT-LEFT",
            "not copied from the base: \(shown.joined(separator: ", "))"
              + (more > 0 ? " and \(more) more" : "")))
      }
    } else {
      convertVocabulary(of: base)
    }
  }

  /// Files that are a tokenizer each.
  private static let vocabularies: Set<String> = [
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model",
    "sentencepiece.bpe.model", "tekken.json",
  ]
  /// Special tokens beside begin and end, by their names in both forms.
  private static let roles = [
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
  ]

  private mutating func convertVocabulary(of base: BaseCheckpoint) {
    do throws(Fault) {
      guard case .vocabulary(let vocabulary) = try base.tokenizerSource() else { return }
      let metadata = base.checkpoint.metadata
      let roles = Self.roles.compactMap { role in
        metadata[role.1]?.intValue.map { (name: role.0, id: $0) }
      }
      let converted = try HuggingFaceTokenizer(
        vocabulary, roles: roles, chatTemplate: try base.checkpoint.chatTemplate(),
        contextLength: base.configuration.contextLength)
      files = [
        ("tokenizer.json", .text(converted.tokenizer)),
        ("tokenizer_config.json", .text(converted.configuration)),
      ]
    } catch {
      warnings.append(
        Warning(
          "EXPORT-TOKENIZER",
          "no tokenizer is written: \(error.reason) (\(error.code)); put the files of the model's "
            + "Hugging Face tokenizer beside the merged model"))
    }
  }

  /// Writes them into `directory`; the files written.
  func write(to directory: String) throws(Fault) -> [String] {
    var written: [String] = []
    for (name, content) in files {
      let target = Paths.join(directory, name)
      try Paths.makeDirectory(Paths.parent(of: target))
      switch content {
      case .copy(let source):
        let file = try InputFile(source)
        let bytes = try file.readAll(limit: Self.byteLimit)
        try file.checkUnchanged()
        try AtomicFile.write(target, bytes: bytes)
      case .text(let value): try AtomicFile.write(target, text: value.text(pretty: true))
      }
      written.append(target)
    }
    return written
  }
}
