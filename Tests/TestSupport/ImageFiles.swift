import Foundation

/// The images of `golden/models/vit` as a data file.
public enum ImageFiles {
  /// Writes `images.npy` and `rows.jsonl`, whose labels are those of the golden model's loss, into a folder.
  public static func copy(to folder: String) throws {
    let golden = Checkout.path("golden/models/vit")
    for name in ["rows.jsonl", "images.npy"] {
      try FileManager.default.copyItem(atPath: "\(golden)/\(name)", toPath: "\(folder)/\(name)")
    }
  }
}
