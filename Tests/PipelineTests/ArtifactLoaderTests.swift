import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import Models
import Pipeline
import PipelineSupport
import Recipes
import Sessions
import Tensors
import TestSupport
import Testing
import Training

/// An artifact becomes a model again on the base it was made on and on no other.
@Suite struct ArtifactLoaderTests {
  /// A job's artifact, and the session that it was made with.
  private func withArtifact(
    _ change: (TinyJob, inout JobRequest) -> Void = { _, _ in },
    _ body: (Artifact, BaseSession) throws -> Void
  ) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try tiny.run(.rank(3)) { change(tiny, &$0) }
      try body(try Artifact.read(tiny.output), tiny.session)
    }
  }

  @Test(arguments: [JobRequest.Directions.selected, .top, .own])
  func latentsAndBasesComeBack(directions: JobRequest.Directions) throws {
    try withArtifact({
      $1.directions = directions
      if directions == .own { $1.target = .own }
    }) { artifact, session in
      let loaded = try ArtifactLoader(session: session).load(artifact)
      let student = try loaded.student(session: session)
      #expect(student.latents == artifact.modules.map(\.latent))
      #expect(student.modules.map(\.name) == artifact.modules.map(\.moduleName))
    }
  }

  /// With the bases in the file nothing is regenerated, and the model is the same.
  @Test func embeddedBasesNeedNoDecomposition() throws {
    try withArtifact({ $1.embedsBases = true }) { artifact, session in
      #expect(artifact.modules.allSatisfy { $0.outputBasis != nil && $0.inputBasis != nil })
      let other = try BaseSession(
        path: session.base.path, cacheDirectory: nil, threads: 1, log: session.log)
      _ = try ArtifactLoader(session: other).load(artifact)
      #expect(other.bases.counts.computed == 0 && other.bases.counts.cached == 0)
    }
  }

  /// What does not belong to the base: code, and the module that is named.
  @Test(
    arguments: [
      ("probe", "ART-BASIS"), ("values", "ART-BASIS"), ("directions", "ART-BASIS"),
      ("digest", "ART-BASE"), ("shape", "ART-BASE"), ("name", "ART-MODULE"),
    ])
  func whatIsOfAnotherBaseIsRefused(change: String, code: String) throws {
    try withArtifact { artifact, session in
      var artifact = artifact
      var module = artifact.modules[1]
      switch change {
      case "probe": module.probes[0] = -2 * module.probes[0] - 1
      case "values": module.valueCheck = module.valueCheck.map { $0 &+ 100 }
      case "directions":
        let used = Set(module.outputIndices)
        let free = try #require((0..<module.outFeatures).first { !used.contains($0) })
        module.outputIndices = (module.outputIndices.dropLast() + [free]).sorted()
      case "digest": module.digestPrefix[0] ^= 1
      case "shape": module.outFeatures += 1
      default: module.moduleName += "x"
      }
      artifact.modules[1] = module
      let fault = try #require(throws: Fault.self) {
        _ = try ArtifactLoader(session: session).load(artifact)
      }
      #expect(fault.code == code && fault.kind == .badData)
      #expect(fault.tensor == module.moduleName)
    }
  }

  /// Of a file the path is named too.
  @Test func aDamagedFileIsNamed() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try tiny.run(.rank(3))
      var bytes = try InputFile(tiny.output).readAll(limit: 1 << 20)
      bytes[bytes.count / 2] ^= 0x10
      try AtomicFile.write(tiny.output, bytes: bytes)
      let fault = try #require(throws: Fault.self) {
        _ = try ArtifactLoader(session: tiny.session).load(tiny.output)
      }
      #expect(fault.path == tiny.output && fault.kind == .badData)
    }
  }
}
