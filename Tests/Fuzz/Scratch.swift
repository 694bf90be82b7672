import Faults
import Files
import Foundation

/// Files for readers that take paths, in memory and of this process alone.
enum Scratch {
  private static let folder: String = {
    let base =
      FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    let folder = Paths.join(base, "xspress-fuzz-\(getpid())")
    atexit {
      try? FileManager.default.removeItem(atPath: Scratch.folder)
    }
    return folder
  }()

  static func path(_ name: String) -> String { Paths.join(folder, name) }

  /// A file with `bytes`.
  static func file(_ name: String, _ bytes: [UInt8]) throws(Fault) -> String {
    let path = path(name)
    try makeFolder(of: path)
    guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
      fatalError("cannot write \(path)")
    }
    return path
  }

  /// A copy of a file of the checkout, unless it is there.
  static func place(_ name: String, of source: String) throws(Fault) {
    let path = path(name)
    guard Paths.kind(of: path) == .missing else { return }
    _ = try file(name, try InputFile(Paths.join(Fuzz.checkout, source)).readAll(limit: 1 << 24))
  }

  private static func makeFolder(of path: String) throws(Fault) {
    let parent = (path as NSString).deletingLastPathComponent
    guard
      (try? FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true))
        != nil
    else {
      fatalError("cannot make \(parent)")
    }
  }
}
