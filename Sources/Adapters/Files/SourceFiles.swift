import Checkpoints
import Faults
import Files

/// The file that holds an adapter's tensors, or the shards of it.
struct SourceFiles: Sendable {
  private let files: [InputFile]

  /// - Parameter files: at least one.
  init(_ files: [InputFile]) { self.files = files }

  /// Bytes of all of them.
  var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

  /// SHA-256 of the file; of the digests of all files where there are several.
  ///
  /// - Throws: 74 where one cannot be read or has changed meanwhile.
  func digest() throws(Fault) -> SHA256Digest {
    let digests = try files.map { (file) throws(Fault) in try SHA256Digest.of(file) }
    if digests.count == 1 { return digests[0] }
    return SHA256Digest.of(digests.flatMap(\.bytes))
  }

  /// Throws where one of them is no longer what was opened.
  func checkUnchanged() throws(Fault) {
    for file in files { try file.checkUnchanged() }
  }
}
