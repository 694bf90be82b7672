import Foundation
import JSON

/// The images of `golden/models/vit` as a data file.
public enum ImageFiles {
  /// Writes `images.npy` and `rows.jsonl`, whose labels are those of the golden model's loss, into a folder.
  public static func copy(to folder: String) throws {
    let golden = Checkout.path("golden/models/vit")
    let data = try Data(contentsOf: URL(fileURLWithPath: golden + "/classes.json"))
    let rows = try JSONValue.parse(Array(data))["rows"]?.arrayValue ?? []
    let lines = rows.map { $0.text() + "\n" }.joined()
    try Data(lines.utf8).write(to: URL(fileURLWithPath: folder + "/rows.jsonl"))
    try FileManager.default.copyItem(
      atPath: golden + "/images.npy", toPath: folder + "/images.npy")
  }
}
