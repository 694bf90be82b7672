public import Faults
import Glibc

extension AtomicFile {
  /// A file that is to be replaced.
  public typealias Content = (path: String, bytes: [UInt8])

  /// Replaces several files, each as ``write(_:bytes:calls:)`` does; what they wait for the disk, they wait together.
  ///
  /// A disk makes durable at once what is asked for at once: thirty files take little longer than one.
  ///
  /// - Returns: What became of each, in order.
  public static func write(
    _ files: [Content], calls: SystemCalls = .posix
  ) -> [Result<Written, Fault>] {
    stride(from: 0, to: files.count, by: mostOpen).flatMap { first in
      writeAtOnce(files[first..<min(first + mostOpen, files.count)], calls: calls)
    }
  }

  /// Files that are open at once: a process may have few.
  private static let mostOpen = 32

  private static func writeAtOnce(
    _ files: ArraySlice<Content>, calls: SystemCalls
  ) -> [Result<Written, Fault>] {
    let drafts = files.map { file in
      Result { () throws(Fault) in
        try checkTarget(file.path)
        return try FileDraft(file.path, expectedByteCount: file.bytes.count, calls: calls) {
          (sink) throws(Fault) in try sink.append(file.bytes)
        }
      }
    }
    var statuses = calls.syncTogether(drafts.compactMap { try? $0.get().descriptor })[...]
    let written = drafts.map { draft in
      Result { () throws(Fault) in
        try draft.get().place(synced: statuses.popFirst() ?? -EIO)
      }
    }
    let folders = sync(directories: Set(files.map { Paths.parent(of: $0.path) }).sorted(), calls)
    return zip(files, written).map { file, written in
      Result { () throws(Fault) in
        let written = try written.get()
        if let status = folders[Paths.parent(of: file.path)] {
          try checkDirectory(status, file.path)
        }
        return written
      }
    }
  }

  /// What synchronising each directory came to.
  private static func sync(
    directories: [String], _ calls: SystemCalls
  ) -> [String: Int32] {
    let descriptors = directories.map { calls.open($0, .directory) }
    var statuses = calls.syncTogether(descriptors.filter { $0 >= 0 })[...]
    var result: [String: Int32] = [:]
    for (directory, descriptor) in zip(directories, descriptors) {
      result[directory] = descriptor < 0 ? descriptor : statuses.popFirst() ?? -EIO
      if descriptor >= 0 { _ = calls.close(descriptor) }
    }
    return result
  }
}
