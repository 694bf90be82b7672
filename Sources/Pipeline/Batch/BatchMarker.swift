import Faults
import Files

/// `RUN/running`: the job a batch is working on.
///
/// It outlives a process that dies without a word, so that its supervisor knows whose fault that was
/// (`formats/manifest.md` §9).
struct BatchMarker {
  private let path: String

  init(runDirectory: String) {
    path = Paths.join(runDirectory, "running")
  }

  /// The job named in the marker, nil without one.
  var job: String? {
    guard Paths.kind(of: path) == .file,
      let bytes = try? InputFile(path).readAll(limit: 4096)
    else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// Says that `job` is being worked on.
  func set(_ job: String) throws(Fault) {
    try AtomicFile.write(path, text: job)
  }

  /// Says that nothing is.
  func clear() {
    Paths.removeIfPresent(path)
  }
}
