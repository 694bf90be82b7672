public import Faults
import Glibc

/// Path arithmetic on bytes, and the few questions that the file system must answer.
public enum Paths {
  /// What a name in the file system stands for.
  public enum Kind: Sendable, Hashable {
    /// A regular file.
    case file
    /// A directory.
    case directory
    /// A device, FIFO or socket.
    case other
    /// Nothing, or nothing that can be seen.
    case missing
  }

  /// `directory` and `name` with one slash between them; an absolute `name` stands alone.
  public static func join(_ directory: String, _ name: String) -> String {
    if directory.isEmpty || name.utf8.first == UInt8(ascii: "/") { return name }
    return directory.utf8.last == UInt8(ascii: "/") ? directory + name : directory + "/" + name
  }

  /// The directory part of a path, `.` when there is none.
  public static func parent(of path: String) -> String {
    let trimmed = trimmingSlashes(path)
    guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else {
      return trimmed.isEmpty && !path.isEmpty ? "/" : "."
    }
    let parent = trimmingSlashes(String(trimmed[..<slash]))
    return parent.isEmpty ? "/" : parent
  }

  /// The last component of a path.
  public static func name(of path: String) -> String {
    let trimmed = trimmingSlashes(path)
    guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return trimmed }
    return String(trimmed[trimmed.utf8.index(after: slash)...])
  }

  /// The last component of a path as it is in its directory: of `.`, `..` and what ends in them, links followed.
  public static func properName(of path: String) -> String {
    let name = name(of: path)
    guard name == "." || name == ".." || name.isEmpty, let real = realpath(path, nil) else {
      return name
    }
    defer { free(real) }
    return Paths.name(of: String(cString: real))
  }

  /// Whether `name` is one plain file name: not empty, `.` or `..`, no slash of either kind, no
  /// control byte, at most 255 bytes (`formats/errors.md` §3).
  ///
  /// Names from inside a file are joined to a directory only after this check.
  public static func isPlainFileName(_ name: String) -> Bool {
    guard !name.isEmpty, name.utf8.count <= 255, name != ".", name != ".." else { return false }
    return name.utf8.allSatisfy {
      $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\")
    }
  }

  /// What `path` stands for, links followed.
  public static func kind(of path: String) -> Kind {
    var status = stat()
    guard stat(path, &status) == 0 else { return .missing }
    return kind(mode: status.st_mode)
  }

  /// The names in a directory, sorted by their bytes, without `.` and `..`.
  ///
  /// - Throws: 66 `IO-OPEN` when the directory cannot be opened, 74 `IO-READ` when it cannot be read to its end, 65 `PATH`
  ///   beyond `limit` entries.
  public static func entries(
    of directory: String, limit: Int = 100_000
  ) throws(Fault) -> [String] {
    guard let stream = opendir(directory) else {
      throw Fault.cannotOpen(directory, errno: errno)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      // The end and a failure look alike but for the number.
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw Fault.cannotList(directory, errno: errno) }
        break
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "." || name == ".." { continue }
      names.append(name)
      if names.count > limit {
        throw Fault(.badData, "PATH", "more than \(limit) entries", path: directory)
      }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Makes a directory and its missing parents.
  ///
  /// - Throws: 73 `OUT-CREATE`, 75 `OUT-FULL`.
  public static func makeDirectory(_ path: String) throws(Fault) {
    if kind(of: path) == .directory { return }
    let above = parent(of: path)
    if above != path, kind(of: above) == .missing { try makeDirectory(above) }
    let status = SystemCalls.result { mkdir(path, 0o755) }
    // Another process may have made it first.
    if status < 0, status != -EEXIST || kind(of: path) != .directory {
      throw Fault.cannotWrite(path, step: "create directory", errno: -status)
    }
  }

  /// Bytes that an unprivileged process may still write on the file system of `path`.
  public static func freeBytes(at path: String) -> Int? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
  }

  static func kind(mode: mode_t) -> Kind {
    switch mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .directory
    default: .other
    }
  }

  private static func trimmingSlashes(_ path: String) -> String {
    var end = path.utf8.endIndex
    while end > path.utf8.startIndex {
      let before = path.utf8.index(before: end)
      if path.utf8[before] != UInt8(ascii: "/") { break }
      end = before
    }
    return String(path[..<end])
  }
}
