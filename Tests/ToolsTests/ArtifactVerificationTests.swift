import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import JSON
import Pipeline
import PipelineSupport
import Progress
import Recipes
import Reports
import Sessions
import TestSupport
import Testing
import Tools

/// `verify` of artifacts and of runs.
@Suite struct ArtifactVerificationTests {
  @Test func anArtifactIsProvedByItsBase() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try tiny.run(.rank(3))
      func verified(_ session: BaseSession?) -> [String] {
        ArtifactVerification(artifact: tiny.output, session: session, memory: nil).faults.map(
          \.code)
      }
      #expect(verified(nil).isEmpty && verified(tiny.session).isEmpty)
      // A base of the same shapes whose weights are others.
      var bytes = try InputFile(tiny.session.base.path).readAll(limit: 1 << 24)
      for index in stride(from: bytes.count - 4000, to: bytes.count, by: 4) { bytes[index] ^= 1 }
      let path = Paths.join(folder, "other.gguf")
      try AtomicFile.write(path, bytes: bytes)
      let other = try BaseSession(
        path: path, cacheDirectory: nil, threads: 1, log: ProgressLog(style: .none))
      #expect(verified(other) == ["ART-BASE"])
      #expect(verified(nil).isEmpty)
    }
  }

  /// A job's folder of a run: its artifact and its record.
  private func job(_ name: String, in run: String, _ tiny: TinyJob) throws -> String {
    let folder = Paths.join(run, "jobs/\(name)")
    try Paths.makeDirectory(folder)
    let request = tiny.request(.rank(2)) {
      $0.name = name
      $0.outputPath = ArtifactBinding.artifactPath(job: folder)
    }
    let record = try JobRunner(session: tiny.session, request: request).run()
    try AtomicFile.write(ArtifactBinding.recordPath(job: folder), text: record.json.text())
    return folder
  }

  @Test func aRunIsCheckedJobByJob() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let run = Paths.join(folder, "run")
      #expect(!ArtifactVerification.isRun(run))
      let folders = try ["a", "b", "c"].map { try job($0, in: run, tiny) }
      #expect(ArtifactVerification.isRun(run))
      func states() throws -> [String] {
        try ArtifactVerification(run: run, memory: nil).findings.map { "\($0.name) \($0.state)" }
      }
      #expect(try states() == ["a whole", "b whole", "c whole"])
      // Another artifact than the record's, and none at all.
      let artifacts = folders.map { ArtifactBinding.artifactPath(job: $0) }
      var other = try Artifact.read(artifacts[1])
      other.metadata.accuracy = .bool(true)
      _ = try other.write(artifacts[1])
      Paths.removeIfPresent(artifacts[2])
      let found = try ArtifactVerification(run: run, memory: nil)
      #expect(found.findings.map(\.state) == ["whole", "failed", "failed"])
      #expect(found.faults.map(\.code) == ["RUN-ARTIFACT", "RUN-ARTIFACT"])
      #expect(found.json["failed"]?.intValue == 2 && found.json["listed"]?.intValue == 3)
      // An artifact that no record speaks of.
      Paths.removeIfPresent(ArtifactBinding.recordPath(job: folders[0]))
      #expect(try states() == ["b failed", "c failed", "a failed"])
    }
  }

  @Test func aRunWithoutRecordsIsNone() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory(Paths.join(folder, "jobs"))
      let fault = try #require(throws: Fault.self) {
        _ = try ArtifactVerification(run: folder, memory: nil)
      }
      #expect(fault.exitCode == 66)
    }
  }
}
