import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import JSON
import PipelineSupport
import Recipes
import Reports
import Tensors
import TestSupport
import Testing
import Tools

/// What kind of file lies at a path, told by content.
@Suite struct InspectionTests {
  @Test func aCheckpointListsItsTensors() throws {
    let base = try BaseCheckpoint.open(TinyLlama.folder)
    let found = try Inspection(path: TinyLlama.folder, digests: true)
    #expect(found.kind == "checkpoint" && found.format == "hf" && found.detectedBy == nil)
    #expect(found.architecture == base.configuration.architecture)
    #expect(found.tensors.map(\.name).sorted() == base.tensors.map(\.name).sorted())
    #expect(
      found.tensors.reduce(0) { $0 + $1.bytes } == base.tensors.reduce(0) { $0 + $1.byteCount })
    // The digest of a tensor is that of its values.
    let name = try #require(base.linearModules.first).weightName
    let values = try base.matrix(name).elements
    let row = try #require(found.tensors.first { $0.name == name })
    #expect(row.sha256 == SHA256Digest.of(values).hex && row.undecoded == nil)
    let plain = try Inspection(path: TinyLlama.folder, digests: false)
    #expect(plain.tensors.allSatisfy { $0.sha256 == nil })
  }

  @Test func anAdapterSaysHowItWasRecognised() throws {
    let path = Checkout.path("golden/tiny/adapter")
    let found = try Inspection(path: path, digests: false)
    let adapter = try Adapter.open(path)
    #expect(found.kind == "adapter" && found.format == "peft" && found.detectedBy != nil)
    #expect(found.metadata["modules"]?.intValue == adapter.updates.count)
    #expect(found.metadata["sha256"]?.stringValue == adapter.digest.hex)
    // Every module has two factors.
    #expect(found.tensors.count == 2 * adapter.updates.count)
  }

  @Test func anArtifactListsItsLatents() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let (record, _) = try tiny.run(.rank(3))
      let found = try Inspection(path: tiny.output, digests: true)
      #expect(found.kind == "artifact" && found.format == "loraxs")
      #expect(found.tensors.count == record.modules.count)
      #expect(found.tensors.allSatisfy { $0.shape == [3, 3] && $0.sha256 != nil })
    }
  }

  /// What is none of them, and what is not there.
  @Test func whatIsNotKnownIsRefused() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "notes.gguf")
      try AtomicFile.write(path, text: "no model")
      let fault = try #require(throws: Fault.self) {
        _ = try Inspection(path: path, digests: false)
      }
      #expect(fault.path == path && [65, 69].contains(fault.exitCode))
      let missing = try #require(throws: Fault.self) {
        _ = try Inspection(path: Paths.join(folder, "absent"), digests: false)
      }
      #expect(missing.exitCode == 66)
    }
  }
}
