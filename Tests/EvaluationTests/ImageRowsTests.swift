import Checkpoints
import Evaluation
import Faults
import Files
import Foundation
import JSON
import Models
import TestSupport
import Testing
import Tokenizers

/// Rows of images (`formats/data.md` §2.8, §7): what is read of a NumPy file, and what is refused.
@Suite struct ImageRowsTests {
  private func base(_ name: String = "vit") throws -> BaseCheckpoint {
    try BaseCheckpoint.open(Checkout.path("golden/models/\(name)"))
  }

  /// Examples of `rows` beside the files of images that `files` name, for a model.
  private func examples(
    _ rows: String, _ files: [String: [UInt8]], _ name: String = "vit"
  ) throws -> [TokenizedExample] {
    let base = try base(name)
    return try withTemporaryDirectory { folder in
      for (name, bytes) in files {
        try Data(bytes).write(to: URL(fileURLWithPath: Paths.join(folder, name)))
      }
      let path = Paths.join(folder, "rows.jsonl")
      try AtomicFile.write(path, text: rows)
      let shape = base.configuration.imageShape
      return try DataSet(path: path).tokenized(by: nil, for: base.configuration) {
        () throws(Fault) in
        nil
      } imageProcessing: { () throws(Fault) in
        try shape.map { (shape) throws(Fault) in try base.imageProcessing(shape) }
      }
    }
  }

  private func refusal(_ rows: String, _ files: [String: [UInt8]], _ name: String = "vit") -> Fault?
  {
    do {
      _ = try examples(rows, files, name)
      return nil
    } catch {
      return error as? Fault
    }
  }

  /// A file as NumPy writes it.
  private static func npy(
    _ shape: [Int], type: String = "|u1", order: String = "False", version: UInt8 = 1,
    count: Int? = nil
  ) -> [UInt8] {
    let sizes = shape.map { "\($0)" }.joined(separator: ", ")
    var header = "{'descr': '\(type)', 'fortran_order': \(order), 'shape': (\(sizes)), }"
    header += String(repeating: " ", count: 117 - header.count) + "\n"
    let length = UInt8(header.utf8.count)
    let size: [UInt8] = version == 1 ? [length, 0] : [length, 0, 0, 0]
    let width = type == "<f4" ? 4 : 1
    let numbers = [UInt8](repeating: 0, count: count ?? shape.reduce(width, *))
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + Array(header.utf8) + numbers
  }

  private static let good = npy([2, 12, 12, 3])

  @Test func imagesAreExamples() throws {
    for version: UInt8 in [1, 2, 3] {
      let rows = """
        {"image": "x.npy", "index": 1, "label": 2}
        {"image": "y.npy", "index": 0, "label": "LABEL_1"}
        """
      let floats = Self.npy([1, 3, 12, 12], type: "<f4", version: version)
      let found = try examples(
        rows, ["x.npy": Self.npy([2, 12, 12, 3], version: version), "y.npy": floats])
      #expect(found.map(\.answer) == [2, 1] && found.map(\.choices.count) == [3, 3])
      #expect(found.allSatisfy { $0.prompt == [Int32](repeating: 0, count: 10) })
      #expect(found.map { $0.whole?.image?.index } == [1, 0])
    }
  }

  /// Other numbers in the file of images are another data set, and other examples.
  @Test func digestsCoverImages() throws {
    let row = "{\"image\": \"x.npy\", \"index\": 0, \"label\": 0}"
    var other = Self.good
    other[other.count - 1] = 1
    let all = try [Self.good, other].map { bytes in
      try withTemporaryDirectory { folder in
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/x.npy"))
        try AtomicFile.write(folder + "/rows.jsonl", text: row)
        return try DataSet(path: folder + "/rows.jsonl").digest
      }
    }
    #expect(all[0] != all[1])
    let first = try examples(row, ["x.npy": Self.good])
    #expect(try first == examples(row, ["x.npy": Self.good]))
    #expect(try first != examples(row, ["x.npy": other]))
  }

  static let files: [(String, [UInt8], Fault.Kind, String)] = [
    ("no NumPy file", Array("PK and more bytes".utf8), .badData, "does not begin"),
    ("cut header", Array(good[..<40]), .badData, "not whole"),
    ("cut numbers", npy([2, 12, 12, 3], count: 800), .badData, "needs 864"),
    ("more numbers", npy([2, 12, 12, 3], count: 865), .badData, "needs 864"),
    ("other numbers", npy([2, 12, 12, 3], type: "<f8"), .unsupported, "<f8"),
    ("big-endian", npy([2, 3, 12, 12], type: ">f4"), .unsupported, ">f4"),
    ("Fortran's order", npy([2, 12, 12, 3], order: "True"), .unsupported, "Fortran"),
    ("three sizes", npy([12, 12, 3]), .unsupported, "four sizes"),
    ("a size of zero", npy([2, 0, 12, 3]), .unsupported, "four sizes"),
    ("sizes beyond memory", npy([1 << 40, 1 << 40, 12, 3], count: 0), .badData, "too large"),
    ("other sides", npy([2, 16, 12, 3]), .unsupported, "nothing is resized"),
    ("one channel", npy([2, 12, 12, 1]), .unsupported, "1 channels"),
    ("numbers as bytes lie", npy([2, 12, 12, 3], type: "<f4"), .unsupported, "12 channels"),
  ]

  @Test(arguments: files.indices) func otherFilesAreRefused(_ index: Int) {
    let (what, bytes, kind, reason) = Self.files[index]
    let found = refusal("{\"image\": \"x.npy\", \"index\": 0, \"label\": 0}", ["x.npy": bytes])
    #expect(
      found?.code == "DATA-IMAGE" && found?.kind == kind, "\(what) \(String(describing: found))")
    #expect(found?.reason.contains(reason) == true, "\(what) \(String(describing: found))")
  }

  /// A header that says something else in place of the shape.
  @Test func headersSayThreeThings() throws {
    var bytes = Self.npy([1, 3, 12, 12])
    let place = try #require(bytes.firstRange(of: Array("shape".utf8)))
    bytes.replaceSubrange(place, with: Array("shade".utf8))
    let found = refusal("{\"image\": \"x.npy\", \"index\": 0, \"label\": 0}", ["x.npy": bytes])
    #expect(found?.code == "DATA-IMAGE" && found?.exitCode == 65)
    #expect(found?.reason.contains("lacks descr") == true, "\(String(describing: found))")
  }

  @Test func numbersMustBeFinite() {
    var bytes = Self.npy([1, 3, 12, 12], type: "<f4")
    bytes.replaceSubrange((bytes.count - 4)..., with: [0, 0, 0xc0, 0x7f])
    let found = refusal("{\"image\": \"x.npy\", \"index\": 0, \"label\": 0}", ["x.npy": bytes])
    #expect(found?.reason.contains("not finite") == true)
  }

  @Test(arguments: [
    (
      "{\"image\": \"x.npy\", \"index\": 2, \"label\": 0}", "DATA-IMAGE",
      "the last one of x.npy is 1"
    ),
    ("{\"image\": \"x.npy\", \"index\": -1, \"label\": 0}", "DATA-FIELD", "index"),
    ("{\"image\": \"x.npy\", \"label\": 0}", "DATA-FIELD", "index"),
    ("{\"image\": \"../x.npy\", \"index\": 0, \"label\": 0}", "DATA-FIELD", "beside"),
    ("{\"image\": \"x.npy\", \"index\": 0}", "DATA-FIELD", "without"),
    ("{\"image\": \"x.npy\", \"index\": 0, \"label\": 3}", "DATA-LABEL", "is 2"),
    ("{\"image\": \"x.npy\", \"index\": 0, \"score\": 3}", "DATA-LABEL", "score"),
    ("{\"image\": \"x.npy\", \"text\": \"a\", \"label\": 0}", "DATA-FIELD", "stands beside"),
    ("{\"text\": \"a\", \"label\": 0}", "DATA-HEAD", "reads images"),
  ])
  func otherRowsAreRefused(row: String, code: String, reason: String) {
    let found = refusal(row, ["x.npy": Self.good])
    #expect(
      found?.code == code && found?.reason.contains(reason) == true, "\(String(describing: found))")
  }

  @Test func theModelMustReadImages() throws {
    let row = "{\"image\": \"x.npy\", \"index\": 0, \"label\": 0}"
    #expect(refusal(row, ["x.npy": Self.good], "vit-bare")?.code == "DATA-HEAD")
    let bert = try base("bert")
    let found = try withTemporaryDirectory { folder in
      try Data(Self.good).write(to: URL(fileURLWithPath: folder + "/x.npy"))
      try AtomicFile.write(folder + "/rows.jsonl", text: row)
      let set = try DataSet(path: folder + "/rows.jsonl")
      return fault { () throws(Fault) in
        _ = try set.tokenized(by: try Tokenizer(base: bert), for: bert.configuration)
      }
    }
    #expect(found?.code == "DATA-HEAD" && found?.reason.contains("reads texts") == true)
    // A file that is not there.
    #expect(refusal(row, [:])?.kind == .missingInput)
  }
}
