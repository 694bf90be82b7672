import Foundation

/// What lies below a folder: what a run of the tool must leave as it is.
struct CorpusFolder: Equatable {
  /// Size and time of change of regular files, by path; nil for what is something else.
  private(set) var entries: [String: Stamp?] = [:]
  /// Bytes that the files take on the disk: holes of sparse files are none.
  private(set) var byteCount = 0

  struct Stamp: Equatable {
    let size: Int
    let seconds: Int
    let nanoseconds: Int
  }

  init(_ folder: String) throws {
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      var status = stat()
      guard lstat(folder + "/" + name, &status) == 0 else { continue }
      guard status.st_mode & S_IFMT == S_IFREG else {
        entries[name] = .some(nil)
        continue
      }
      // Blocks may not be given out yet.
      let blocks = Int(status.st_blocks) * 512
      byteCount += blocks == 0 ? Int(status.st_size) : min(blocks, Int(status.st_size))
      entries[name] = Stamp(
        size: Int(status.st_size), seconds: status.st_mtim.tv_sec,
        nanoseconds: status.st_mtim.tv_nsec)
    }
  }

  /// Names that are here and not there, or otherwise.
  func changes(since earlier: CorpusFolder) -> Set<String> {
    Set(entries.keys).union(earlier.entries.keys).filter { entries[$0] != earlier.entries[$0] }
  }
}
