import Faults
import Files
import JSON
import Recipes
import TestSupport
import Testing

/// The corpus of manifests that are refused (`golden/documents/refused`).
///
/// Each has one defect; its code and words are in the index. What a JSON Schema validator says to the same files is in
/// `golden/crosscheck/documents.json`.
@Suite struct RefusedManifestTests {
  struct Case: Sendable, CustomStringConvertible {
    let file: String
    let code: String
    let says: String
    var description: String { file }
  }

  private static let folder = Checkout.path("golden/documents/refused")

  /// Nothing where the index cannot be read, which the first test notices.
  static let cases: [Case] = {
    guard let bytes = try? InputFile("\(folder)/index.json").readAll(limit: 1 << 20),
      let index = try? JSONValue.parse(bytes)
    else { return [] }
    return (index["manifests"]?.arrayValue ?? []).compactMap { entry in
      guard let file = entry["file"]?.stringValue, let code = entry["code"]?.stringValue,
        let says = entry["says"]?.stringValue
      else { return nil }
      return Case(file: file, code: code, says: says)
    }
  }()

  @Test func everyFileHasItsEntry() throws {
    let files = try Paths.entries(of: Self.folder).filter { $0.hasSuffix(".yaml") }
    #expect(Set(files) == Set(Self.cases.map(\.file)) && files.count > 60)
  }

  @Test(arguments: cases)
  func refuses(wrong: Case) throws {
    let fault = try #require(throws: Fault.self) {
      _ = try Manifest.read("\(Self.folder)/\(wrong.file)")
    }
    #expect(fault.code == wrong.code)
    #expect(fault.reason.contains(wrong.says), "\(fault.reason)")
    #expect(fault.path?.hasSuffix(wrong.file) == true)
    #expect(!fault.line.contains("\n"))
  }
}
