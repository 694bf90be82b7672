import Checkpoints
import Faults
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Encoders as llama.cpp's own converter writes them (`golden/tools/make_encoder_files.py`) against the Hugging Face form of the same
/// weights and against Transformers.
@Suite struct EncoderFileTests {
  static let names = ["bert", "roberta", "roberta-score", "xlm-roberta"]

  static func file(_ name: String) -> String { EncoderModel.folder(name) + "/model.gguf" }

  @Test(arguments: names) func formsAreTheSameModel(_ name: String) throws {
    let folder = try BaseCheckpoint.open(EncoderModel.folder(name))
    let file = try BaseCheckpoint.open(Self.file(name))
    #expect(folder.linearModules == file.linearModules)
    let (a, b) = (folder.configuration, file.configuration)
    #expect(a.blocks.map(FamilyTests.rounded) == b.blocks.map(FamilyTests.rounded))
    #expect(a.contextLength == b.contextLength && a.positionOffset == b.positionOffset)
    #expect(a.tokenTypeCount == b.tokenTypeCount && a.architecture == b.architecture)
    let offset = a.positionOffset * a.hiddenSize
    for parameter in b.parameters {
      guard offset > 0, parameter.name.contains("position_embeddings") else {
        let (x, y) = try (folder.digest(parameter.name), file.digest(parameter.name))
        #expect(x == y, "\(parameter.name)")
        continue
      }
      // The rows that no token has are not in the file.
      let (x, y) = try (folder.values(parameter.name), file.values(parameter.name))
      #expect(x.dropFirst(offset) == y.dropFirst(offset))
      #expect(y.count == x.count && y.prefix(offset).allSatisfy { $0 == 0 })
    }
  }

  /// RoBERTa's head is in the file whole; BERT's reads through the pooler, which the converter leaves out.
  @Test func headsAreThoseThatAreWhole() throws {
    func model(_ name: String) throws -> BaseCheckpoint {
      try BaseCheckpoint.open(Self.file(name))
    }
    #expect(try model("roberta").configuration.classHead?.names == ["LABEL_0", "LABEL_1"])
    #expect(try model("roberta-score").configuration.classHead?.isRegression == true)
    #expect(try model("xlm-roberta").configuration.classHead?.count == 3)
    let bert = try model("bert")
    #expect(bert.configuration.classHead == nil && !bert.configuration.hasPooler)
    #expect(bert.configuration.statedLabels == ["entailment", "neutral", "contradiction"])
    let warnings = bert.checkpoint.warnings.filter { $0.kind == "CK-HEAD" }
    #expect(warnings.map(\.subject) == ["cls.output.bias", "cls.output.weight"])
    // A head that is put on it brings a dense layer of its own.
    #expect(bert.configuration.classModules == ["bert.pooler.dense", "classifier"])
  }

  /// The file's weights, with BERT's pooler and output from the folder, compute what Transformers does.
  @Test(arguments: names) func agreesWithTransformers(_ name: String) throws {
    let model = try EncoderModel(name)
    let folder = try BaseCheckpoint.open(EncoderModel.folder(name))
    let file = try BaseCheckpoint.open(Self.file(name))
    let isWhole = file.configuration.classHead != nil
    func owner(_ name: String) -> BaseCheckpoint {
      file.checkpoint.tensor(name) == nil ? folder : file
    }
    #expect(isWhole == (name != "bert"))
    let weights =
      isWhole
      ? try DecoderWeights(base: file)
      : try DecoderWeights(
        configuration: folder.configuration,
        matrix: { (name) throws(Fault) in try owner(name).matrix(name) },
        vector: { (name) throws(Fault) in try owner(name).values(name) })
    try EncoderTests.compare(model, file, weights, recomputes: false)
    if isWhole {
      try EncoderTests.compare(
        model, file, try DecoderWeights(streaming: file), recomputes: true)
    }
  }

  /// What stands before the head is the same to the bit in both forms.
  @Test(arguments: names) func statesAreTheSame(_ name: String) throws {
    let batch = try EncoderModel(name).batch
    let states = try [EncoderModel.folder(name), Self.file(name)].map { path in
      try Decoder(weights: try DecoderWeights(base: BaseCheckpoint.open(path)), threads: 1)
        .forward(batch).elements
    }
    #expect(states[0].count == 4 * 32 && states[0] == states[1])
  }

  /// Texts and pairs by the vocabulary in the file and by the folder's `tokenizer.json`.
  @Test(arguments: names) func tokenizersAreTheSame(_ name: String) throws {
    let folder = try Tokenizer(base: BaseCheckpoint.open(EncoderModel.folder(name)))
    let file = try Tokenizer(base: BaseCheckpoint.open(Self.file(name)))
    // SentencePiece's table is applied at every place, in the library a grapheme at a time; and that puts no space before a space.
    try Self.compare(folder, file) { line in
      name != "xlm-roberta"
        || line.first?.isWhitespace != true && line.allSatisfy { $0.unicodeScalars.count == 1 }
    }
  }

  /// Golden lines, alone and in pairs.
  private static func compare(
    _ left: Tokenizer, _ right: Tokenizer, where isMeant: (String) -> Bool = { _ in true }
  ) throws {
    let path = Checkout.path("golden/tokenizer/kinds/lines.jsonl")
    let lines = try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: 0x0a).compactMap {
      try JSONValue.parse(Array($0)).stringValue
    }.filter(isMeant)
    #expect(lines.count > 300)
    for (index, line) in lines.enumerated() {
      #expect(left.encode(line) == right.encode(line), "\(line)")
      let second = index % 2 == 0 ? nil : lines[index - 1]
      let pair = left.encode(line, pairedWith: second)
      #expect(pair == right.encode(line, pairedWith: second), "\(line)")
    }
  }

  // MARK: - A real model

  static let folder = Checkout.path("models/all-MiniLM-L6-v2")
  static let converted = folder + "/model.gguf"

  /// all-MiniLM-L6-v2 where `make digests` has fetched it and llama.cpp's converter has written `model.gguf` beside it (F32).
  @Test(.enabled(if: FileManager.default.fileExists(atPath: converted)))
  func miniLMIsTheSameModel() throws {
    let bases = try [Self.folder, Self.converted].map { try BaseCheckpoint.open($0) }
    #expect(bases[0].linearModules == bases[1].linearModules)
    for parameter in bases[1].configuration.parameters {
      let digests = try bases.map { try $0.digest(parameter.name) }
      #expect(digests[0] == digests[1], "\(parameter.name)")
    }
    let tokenizers = try bases.map { try Tokenizer(base: $0) }
    try Self.compare(tokenizers[0], tokenizers[1])
    let text = "The conversion of a model changes none of its numbers, and none of its tokens."
    let tokens = tokenizers[1].encode(text, pairedWith: "A second text, naïvely.")
    #expect(tokens.types.contains(1))
    var batch = TokenBatch()
    batch.append(whole: tokens.ids, types: tokens.types, position: 0, target: 0)
    let states = try bases.map {
      try Decoder(weights: DecoderWeights(base: $0), threads: 2).forward(batch).elements
    }
    #expect(relativeError(states[1], states[0]) < 1e-6)
  }
}
