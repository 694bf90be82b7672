import Foundation
import TestSupport

/// A golden directory of one case, written from parts so that a test can damage one of them.
struct CaseFolder {
  /// The members of `case.json`; nil removes one.
  var members: [(key: String, json: String?)] = [
    ("schema", "\"xspress.golden/1\""),
    ("kind", "\"safetensors\""),
    ("title", "\"One empty file\""),
    ("inputs", "{\"files\": {\"path\": \"files\", \"files\": {\"a.safetensors\": \"\(digest)\"}}}"),
    ("parameters", "{}"),
    ("tolerances", "{}"),
    ("expected", "{\"files\": {\"a\": {\"ours\": \"accept\", \"tensors\": {}}}}"),
    (
      "provenance",
      "{\"generator\": \"by hand\", \"libraries\": {}, \"precision\": \"bytes\", \"date\": \"2026-11-23\"}"
    ),
  ]

  /// SHA-256 of the file below: a header of `{}` padded to eight bytes, no tensors.
  static let digest = "9bbcbf73561f6bc5d0a17ea6a2081feed2d1304e87602d8c502d9a5c4bd85576"
  static let file: [UInt8] = [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8)

  /// The same with one member replaced, or removed when `json` is nil.
  func with(_ key: String, _ json: String?) -> CaseFolder {
    var copy = self
    copy.members = members.map { $0.key == key ? (key, json) : $0 }
    return copy
  }

  /// The text of `case.json`.
  var text: String {
    let rows = members.compactMap { member in member.json.map { "\"\(member.key)\": \($0)" } }
    return "{" + rows.joined(separator: ", ") + "}"
  }

  /// Writes the case as `directory/name/case.json`, its input beside it.
  func write(to directory: String, name: String = "area/one", text: String? = nil) throws {
    let folder = directory + "/" + name
    try FileManager.default.createDirectory(
      atPath: folder + "/files", withIntermediateDirectories: true)
    try Data(CaseFolder.file).write(to: URL(fileURLWithPath: folder + "/files/a.safetensors"))
    try Data((text ?? self.text).utf8).write(to: URL(fileURLWithPath: folder + "/case.json"))
  }
}
