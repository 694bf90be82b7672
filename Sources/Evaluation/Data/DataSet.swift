public import Faults
public import Files

/// The rows of one JSONL file (`formats/data.md`), and the images that they name.
public struct DataSet: Sendable {
  /// The file.
  public let path: String
  /// Digest of the whole file; with images of it and theirs, one behind the other.
  public let digest: SHA256Digest
  /// The rows read, in file order.
  public let rows: [DataRow]
  /// The files of images by their names.
  let images: [String: NPYImages]

  /// Reads the first `limit` rows behind the first `skip`, or all of those.
  ///
  /// - Throws: `DATA-*` faults naming the line: not JSON, a missing or mistyped field, an answer outside the
  ///   choices, an empty completion; `DATA-EMPTY` where no row is left; `DATA-IMAGE` for a file of images.
  public init(path: String, limit: Int? = nil, skip: Int = 0) throws(Fault) {
    self.path = path
    let lines = try JSONLines(path: path, limit: limit, skip: skip, row: DataRow.init)
    rows = lines.rows
    let names = Set(
      lines.rows.compactMap { row in
        if case .image(let image) = row { image.file } else { nil }
      })
    var (images, digests) = ([String: NPYImages](), lines.digest.bytes)
    for name in names.sorted() {
      let file = try NPYImages(Paths.join(Paths.parent(of: path), name))
      images[name] = file
      digests += file.digest.bytes
    }
    self.images = images
    digest = images.isEmpty ? lines.digest : SHA256Digest.of(digests)
  }
}
