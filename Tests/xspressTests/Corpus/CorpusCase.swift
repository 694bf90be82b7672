import Files
import Foundation
import TestSupport

/// A bad input (or one that only looks bad), how the tool is run on it, and what it must say (`formats/corpus.md`).
struct CorpusCase: Sendable, CustomStringConvertible {
  /// The item of the page that it belongs to.
  let item: Int
  /// The input in few words.
  let what: String
  /// The exit code.
  let status: Int32
  /// The code word at the end of the line; nil where the input is accepted.
  let code: String?
  /// What the line names beside it, or the output where the input is accepted: file, tensor, field.
  let names: [String]
  /// Makes the input in a folder, and returns the arguments of the tool.
  let make: @Sendable (_ folder: String) throws -> [String]

  var description: String { "\(item) \(what): \(outcome)" }
  /// As the page writes it.
  var outcome: String { code.map { "\(status) `\($0)`" } ?? "\(status)" }

  init(
    _ item: Int, _ what: String, _ status: Int32, _ code: String?, names: [String] = [],
    make: @escaping @Sendable (String) throws -> [String]
  ) {
    (self.item, self.what, self.status) = (item, what, status)
    (self.code, self.names, self.make) = (code, names, make)
  }

  /// One file that `xspress inspect` is given.
  static func file(
    _ item: Int, _ what: String, _ status: Int32, _ code: String?, names: [String] = [],
    as name: String, digest: Bool = false, _ bytes: @escaping @Sendable () throws -> [UInt8]
  ) -> CorpusCase {
    CorpusCase(item, what, status, code, names: [name] + names) { folder in
      let path = Paths.join(folder, name)
      try Data(bytes()).write(to: URL(fileURLWithPath: path))
      return ["inspect", path] + (digest ? ["--digest"] : [])
    }
  }

  /// Every case.
  static let all =
    safetensors + gguf + ggufModels + folders + manifests + adapters + data + otherFormats
    + artifacts + runs

  /// `xspress convert` of an adapter on a base to `out.loraxs`.
  static func convert(
    base: String = TinyLlama.folder, adapter: String = Checkout.path("golden/tiny/adapter"),
    in folder: String, _ more: [String] = []
  ) -> [String] {
    [
      "convert", "--base", base, "--adapter", adapter, "--rank", "3", "-o",
      Paths.join(folder, "out.loraxs"),
    ] + more
  }
}
