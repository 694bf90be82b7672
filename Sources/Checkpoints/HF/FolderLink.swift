internal import Faults
internal import Files
internal import Glibc

/// Where the files of a model's folder really lie.
enum FolderLink {
  /// The path of a file in `directory` with every link followed.
  ///
  /// A link may lead into the blobs of a model cache, whose layout is
  /// `models--X/snapshots/REVISION/NAME -> ../../blobs/DIGEST`.
  ///
  /// - Throws: 65 `PATH` for any other link out of the folder; 66 where it leads nowhere.
  static func resolved(_ name: String, in directory: String) throws(Fault) -> String {
    let path = Paths.join(directory, name)
    guard let folder = resolved(directory), let target = resolved(path) else {
      throw Fault(.missingInput, "IO-OPEN", "the path cannot be resolved", path: path)
    }
    var allowed = [folder]
    let snapshots = Paths.parent(of: folder)
    if Paths.name(of: snapshots) == "snapshots" {
      allowed.append(Paths.join(Paths.parent(of: snapshots), "blobs"))
    }
    guard allowed.contains(where: { target.utf8.starts(with: ($0 + "/").utf8) }) else {
      throw Fault(.badData, "PATH", "the file is a link out of the directory", path: path)
    }
    return target
  }

  private static func resolved(_ path: String) -> String? {
    guard let result = realpath(path, nil) else { return nil }
    defer { free(result) }
    return String(cString: result)
  }
}
