import Faults
import Files

/// `RUN/running`: the jobs a worker is working on, a line each; of a part of the run `running-2of8`.
///
/// It outlives a process that dies without a word, so that its supervisor knows whose fault that may be
/// (`formats/manifest.md` §9).
struct RunMarker: Sendable {
  private let path: String

  /// - Parameters:
  ///   - part: Which part of the run, that several processes may be at.
  ///   - worker: Which of several workers.
  init(run: RunDirectory, part: Shard, worker: Int) {
    var name = "running"
    if part != .whole { name += "-\(part.index)of\(part.count)" }
    if worker > 0 { name += "-\(worker)" }
    path = Paths.join(run.path, name)
  }

  /// The jobs named in the marker, none without one.
  var jobs: [String] {
    guard Paths.kind(of: path) == .file,
      let bytes = try? InputFile(path).readAll(limit: 1 << 20),
      let text = String(validating: bytes, as: UTF8.self)
    else { return [] }
    return text.split(separator: "\n").map(String.init)
  }

  /// Says that `jobs` are being worked on.
  func set(_ jobs: [String]) throws(Fault) {
    try AtomicFile.write(path, text: jobs.joined(separator: "\n"))
  }

  /// Says that nothing is.
  func clear() {
    Paths.removeIfPresent(path)
  }
}
