import Adapters
import Checkpoints
import Exports
import Faults
import Files
import Foundation
import TestSupport
import Testing
import Tokenizers

/// `formats/support.md` says what the code accepts: its rows are the code's own tables, and a file of each
/// kind is read or refused as the row says.
@Suite struct SupportMatrixTests {
  /// The rows of the tables of one section, cells without blanks and backquotes around them.
  static func rows(_ section: String) throws -> [[String]] {
    let text = String(
      decoding: try InputFile(Checkout.path("formats/support.md")).readAll(limit: 1 << 20),
      as: UTF8.self)
    let lines = text.split(separator: "\n").drop { !$0.hasPrefix("## \(section). ") }.dropFirst()
    let table = lines.prefix { !$0.hasPrefix("## ") }.filter { $0.hasPrefix("|") }.dropFirst(2)
    return table.map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
    }
  }

  private static func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }

  // MARK: - Element types

  @Test func everyDtypeIsListed() throws {
    #expect(try Self.rows("2").map { $0[0] } == CheckpointSupport.safetensorsTypes)
  }

  @Test(arguments: try SupportMatrixTests.rows("2"))
  func dtypesAreReadAsTheTableSays(_ row: [String]) throws {
    typealias B = SafeTensorsBytes
    let bits = try #require(Int(row[1]))
    let entry = B.entry(
      "x.weight", dtype: "\"\(row[0])\"", shape: "[8]", offsets: "[0,\(bits)]")
    let plain = B.file("{\(entry)}", data: [UInt8](repeating: 0, count: bits))
    let scale = B.entry("x.weight_scale", shape: "[]", offsets: "[\(bits),\(bits + 4)]")
    let scaled = B.file(
      "{\(entry),\(scale)}", data: [UInt8](repeating: 0, count: bits) + [0, 0, 0x80, 0x3f])
    let file = try SafeTensorsFile(bytes: plain)
    let isInteger = refusal { try file.integers(of: file.tensors[0]) } == nil
    func isFloating(_ bytes: [UInt8]) throws -> Bool {
      try withFile(bytes, named: "model.safetensors") { path in
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.tensor("x.weight")?.shape == [8])
        let found = refusal { try checkpoint.floats("x.weight") }
        #expect(found == nil || found?.kind == .unsupported)
        return found == nil
      }
    }
    let found = (isInteger, try isFloating(plain), try isFloating(scaled))
    switch row[2] {
    case "values": #expect(found == (false, true, true))
    case "scaled": #expect(found == (false, false, true))
    case "integers": #expect(found == (true, false, false))
    default: #expect(row[2] == "listed" && found == (false, false, false))
    }
  }

  @Test func typesOfGGUFAreDecodedOrListed() throws {
    var found: [String: [String]] = [:]
    for id in UInt32(0)..<64 {
      guard let type = try Self.ggufType(id) else { continue }
      found[type.isDecoded ? "decoded" : "listed", default: []].append(type.name)
    }
    let rows = Dictionary(uniqueKeysWithValues: try Self.rows("3").map { ($0[0], $0[1]) })
    #expect(Self.words(rows["decoded"] ?? "").sorted() == found["decoded"]?.sorted())
    #expect(Self.words(rows["listed"] ?? "").sorted() == found["listed"]?.sorted())
    #expect(
      Self.words(rows["written"] ?? "").map { $0.lowercased() }.sorted()
        == GGUFFloatType.allCases.map(\.rawValue).sorted())
  }

  /// The name of a type and whether its values are read; nil where no file may hold it.
  private static func ggufType(_ id: UInt32) throws -> (name: String, isDecoded: Bool)? {
    var builder = GGUFBuilder()
    // 2048 bytes hold 256 elements of every type; what follows the tensor is nobody's.
    builder.add("x", shape: [1, 256], type: id, data: [UInt8](repeating: 0, count: 2048))
    let probe = try withFile(builder.bytes()) { path in refusal { try Checkpoint.open(path) } }
    if probe?.code == "GG-TYPE" { return nil }
    return try withFile(builder.bytes()) { path in
      let checkpoint = try Checkpoint.open(path)
      let name = try #require(checkpoint.tensor("x")?.dtypeName)
      return (name, refusal { try checkpoint.floats("x") } == nil)
    }
  }

  // MARK: - Models and tokenizers

  @Test func modelsAreThoseOfTheTable() throws {
    let rows = try Self.rows("4").map { Array($0.prefix(3)) }
    #expect(
      rows
        == CheckpointSupport.families.map {
          [$0.modelType, $0.architecture ?? "none", $0.className]
        })
    // A model of each is run by `FamilyTests`; these two are the tiny one.
    for type in ["llama", "mistral"] {
      try TinyLlama.withCopy(config: {
        $0["model_type"] = type
        $0["sliding_window"] = NSNull()
      }) { folder in _ = try BaseCheckpoint.open(folder) }
    }
    #expect(try refusalOfBase(setting: "model_type", to: "mamba")?.kind == .unsupported)
    #expect(try refusalOfBase { _ in } == nil)
  }

  @Test func modelsOfTokenizersAreThoseOfTheTable() throws {
    func models(_ file: String) throws -> [String] {
      try Self.rows("5").filter { $0[0] == file }.map { $0[1] }.sorted()
    }
    #expect(
      try models("tokenizer.ggml.model") == VocabularyModel.allCases.map(\.rawValue).sorted())
    #expect(
      try models("tokenizer.json") == TokenizerJSONModel.allCases.map(\.rawValue).sorted())
  }

  // MARK: - Adapters and exports

  @Test func dialectsAreThoseOfTheTable() throws {
    #expect(
      try Self.rows("6").map { $0[0] }.sorted()
        == AdapterDialect.allCases.map(\.rawValue).sorted())
  }

  @Test func exportsAreThoseOfTheTable() throws {
    let rows = try Self.rows("7")
    #expect(rows.map { $0[0] }.sorted() == ExportTarget.allCases.map(\.rawValue).sorted())
    for row in rows {
      let target = try #require(ExportTarget(rawValue: row[0]))
      let types = ExportType.allCases.filter { type in
        refusal { try ExportOptions(target: target, type: type) } == nil
      }
      #expect(Self.words(row[1]) == types.map(\.rawValue), "\(row[0])")
    }
  }

  @Test func containersHaveTheirPages() throws {
    let rows = try Self.rows("1")
    #expect(Set(CheckpointFormat.allCases.map(\.rawValue)).isSubset(of: rows.map { $0[0] }))
    for row in rows { #expect(Paths.kind(of: Checkout.path("formats/\(row[3])")) == .file) }
  }
}
