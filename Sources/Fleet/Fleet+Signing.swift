public import Faults
import Files
public import Signatures

extension Fleet {
  /// Writes signatures beside the artifacts and records of the jobs that are done, now or before.
  ///
  /// - Throws: what reading a file and writing a signature throws, of the first that fails.
  public func sign(_ results: [JobResult], by key: SigningKey) throws(Fault) {
    for result in results where [.done, .kept, .skipped].contains(result.state) {
      var files: [AtomicFile.Content] = []
      for path in [run.recordPath(result.name), result.artifactPath] {
        if let path, let file = try key.file(signing: path) { files.append(file) }
      }
      for written in AtomicFile.write(files) { _ = try written.get() }
    }
  }
}
