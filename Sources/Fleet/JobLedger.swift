import Adapters
import Artifacts
import Checkpoints
import Faults
import Files
import JSON
import Pipeline
import Progress
import Recipes
import Reports
import Synchronization

/// What is known of jobs from their records: the record is the truth, and nothing else decides whether a job is done.
///
/// Engines run a part of a run at least once, and now and then twice: a job is found done by the digest of its inputs
/// and options, and by its artifact. Thread-safe.
final class JobLedger: Sendable {
  private let run: RunDirectory
  private let earlier: RunDirectory?
  private let memory: Int?
  private let log: ProgressLog
  private let fileDigests = Mutex<[String: SHA256Digest]>([:])

  /// - Parameter earlier: A run whose artifacts are taken over where nothing has changed.
  init(run: RunDirectory, since earlier: RunDirectory?, memory: Int?, log: ProgressLog) {
    self.run = run
    self.earlier = earlier
    self.memory = memory
    self.log = log
  }

  /// The digest of a job's inputs and options: what "the same job" means.
  func digest(of plan: JobPlan, adapter: SHA256Digest?) throws(Fault) -> String {
    var inputs: [(role: String, digest: SHA256Digest)] = [
      ("base", try fileDigest(plan.basePath))
    ]
    if let adapter { inputs.append(("adapter", adapter)) }
    for (role, path) in plan.recipe.inputs { inputs.append((role, try fileDigest(path))) }
    return plan.digest(inputs: inputs)
  }

  /// The record of a job that is done with this digest, here or in the earlier run, and whose artifact opens, or that
  /// keeps its LoRA; nil otherwise.
  func finished(_ name: String, digest: String) -> JobRecord? {
    if let record = finished(name, digest: digest, in: run, isOwn: true) { return record }
    guard let earlier,
      var record = finished(name, digest: digest, in: earlier, isOwn: false)
    else { return nil }
    do throws(Fault) {
      guard record.state == .done else {
        try write(record)
        return record
      }
      let bytes = try InputFile(earlier.artifactPath(name)).readAll(limit: 1 << 30)
      try Paths.makeDirectory(run.jobPath(name))
      try AtomicFile.write(run.artifactPath(name), bytes: bytes)
      record.artifactPath = run.artifactPath(name)
      try write(record)
      return record
    } catch {
      log.warn([Warning("JOB-AGAIN", "done again: \(error.description)", subject: name)])
      return nil
    }
  }

  /// Whether the record of a job says that it was done, with whatever inputs and options.
  func isDone(_ name: String) -> Bool {
    guard let record = try? run.record(name) else { return false }
    return record.state == .done || record.state == .kept
  }

  private func finished(
    _ name: String, digest: String, in place: RunDirectory, isOwn: Bool
  ) -> JobRecord? {
    guard Paths.kind(of: place.recordPath(name)) == .file else { return nil }
    do throws(Fault) {
      let record = try place.record(name)
      guard record.planDigest == digest else { return nil }
      if record.state == .kept { return record }
      guard record.state == .done else { return nil }
      try ArtifactBinding.check(place.artifactPath(name), against: record, memory: memory)
      _ = try Artifact.read(place.artifactPath(name), memory: memory)
      return record
    } catch {
      if isOwn { log.warn([Warning("JOB-AGAIN", "done again: \(error.description)")]) }
      return nil
    }
  }

  /// Writes a record.
  func write(_ record: JobRecord) throws(Fault) {
    let file = try file(of: record)
    try AtomicFile.write(file.path, bytes: file.bytes)
  }

  /// The file of a record, in a folder that is there.
  func file(of record: JobRecord) throws(Fault) -> AtomicFile.Content {
    try Paths.makeDirectory(run.jobPath(record.name))
    return (run.recordPath(record.name), Array(record.json.text(pretty: true).utf8))
  }

  /// Writes the record of a failure; that this fails too is worth a line, not the run.
  func keep(_ record: JobRecord) {
    do throws(Fault) {
      try write(record)
    } catch {
      log.warn([Warning("JOB-RECORD", error.description)])
    }
  }

  /// SHA-256 of a file and those that belong to it: configuration and tokenizer beside a safetensors file, the other parts of
  /// a split; of a directory, of every file in it.
  ///
  /// Remembered.
  func fileDigest(_ path: String) throws(Fault) -> SHA256Digest {
    if let known = fileDigests.withLock({ $0[path] }) { return known }
    var hasher = SHA256Hasher()
    for file in try JobLedger.filesOf(path) {
      hasher.update(try SHA256Digest.of(try InputFile(file)).bytes)
    }
    let digest = hasher.finalize()
    fileDigests.withLock { $0[path] = digest }
    return digest
  }

  private static func filesOf(_ path: String) throws(Fault) -> [String] {
    if Paths.kind(of: path) == .directory {
      return try Paths.entries(of: path).sorted().map { Paths.join(path, $0) }
        .filter { Paths.kind(of: $0) == .file }
    }
    let (folder, name) = (Paths.parent(of: path), Paths.name(of: path))
    if name.hasSuffix(".safetensors") {
      let beside = ["config.json"] + CompanionFiles.keptNames.sorted()
      return [path] + beside.map { Paths.join(folder, $0) }.filter { Paths.kind(of: $0) == .file }
    }
    // NAME-00001-of-00003.gguf
    if let part = name.firstRange(of: "-of-"), name.hasSuffix(".gguf") {
      let stem = name[..<part.lowerBound].dropLast(5)
      return try Paths.entries(of: folder).sorted()
        .filter { $0.hasPrefix(stem) && $0.hasSuffix(String(name[part.lowerBound...])) }
        .map { Paths.join(folder, $0) }
    }
    return [path]
  }
}
