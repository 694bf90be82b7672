public import Faults
internal import Files
public import JSON

/// The files beside weights and configuration in the folder of a Hugging Face model (`formats/hf.md` §5.2).
public struct CompanionFiles: Sendable {
  /// A file that a copy of the model takes over.
  public struct File: Sendable {
    /// Its name, from the folder of the model.
    public let name: String
    /// The file itself, links followed.
    public let path: String
  }

  /// What tokenizers, chat templates, generation and images need.
  public let kept: [File]
  /// The names of all others: folders, code, documents, weights in other forms.
  public let left: [String]

  /// Names that are kept; each is one that some class of Transformers loads beside the model.
  public static let keptNames: Set<String> = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "tekken.json", "chat_template.jinja", "chat_template.json",
    "generation_config.json", "preprocessor_config.json",
  ]
  /// The folder of named chat templates.
  private static let templateFolder = "additional_chat_templates"

  /// Sorts the folder's files; `weights` are the paths of those that hold the tensors.
  ///
  /// - Throws: 65 `PATH` for a kept file that is a link out of the folder.
  init(_ directory: HFDirectory, weights: [String]) throws(Fault) {
    let own = Set(weights.map { Paths.name(of: $0) } + ["config.json", ShardIndex.fileName])
    var (kept, left): ([File], [String]) = ([], [])
    for name in try Paths.entries(of: directory.path) where !name.hasPrefix(".") {
      if own.contains(name) { continue }
      switch Paths.kind(of: directory.file(name)) {
      case .file where Self.keptNames.contains(name):
        kept.append(File(name: name, path: try FolderLink.resolved(name, in: directory.path)))
      case .directory where name == Self.templateFolder:
        for entry in try Paths.entries(of: directory.file(name)) {
          let path = Paths.join(name, entry)
          if entry.hasSuffix(".jinja"), Paths.kind(of: directory.file(path)) == .file {
            kept.append(File(name: path, path: try FolderLink.resolved(path, in: directory.path)))
          } else {
            left.append(path)
          }
        }
      case .directory: left.append(name + "/")
      case .file, .other, .missing: left.append(name)
      }
    }
    (self.kept, self.left) = (kept, left)
  }
}

extension Checkpoint {
  /// The files beside the weights; nil for GGUF, which has everything in one.
  ///
  /// - Throws: 65 `PATH` for a file to be kept that is a link out of the folder.
  public func companionFiles() throws(Fault) -> CompanionFiles? {
    guard let weights = source as? SafeTensorsWeights else { return nil }
    return try CompanionFiles(weights.directory, weights: weights.paths)
  }

  /// The content of `config.json`; nil where there is none.
  public var huggingFaceConfiguration: JSONValue? {
    (source as? SafeTensorsWeights)?.configuration?.json
  }
}
