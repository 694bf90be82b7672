import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing
import Training

/// Checkpoints of the right plan that hold what no run writes: they are not used, and a warning says why.
@Suite struct TuningCheckpointTests {
  /// The end of a run; nil where it fails, which the tests notice.
  private static let state: TuningState? = {
    guard let tuner = try? TinyRun().tuner(TinyRun.options) else { return nil }
    return (try? tuner.run()).map { _ in tuner.state }
  }()

  /// What loading a checkpoint warns of whose metadata and tensors are changed.
  private func warning(
    metadata: (inout JSONObject) -> Void = { _ in },
    tensor: (inout (name: String, values: [Float])) -> Void = { _ in }
  ) throws -> String {
    let state = try #require(Self.state)
    return try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "state")
      let checkpoint = TuningCheckpoint(path: path, planDigest: "p")
      try checkpoint.save(state)
      #expect(checkpoint.load(matching: state).warnings.isEmpty)
      let file = try SafeTensorsFile.open(path)
      let text = try #require(file.metadata["xspress"]?.stringValue)
      var object = try #require(try JSONValue.parse(text).objectValue)
      metadata(&object)
      var writer = SafeTensorsWriter(
        metadata: file.metadata.members.map { member in
          let own = member.value.stringValue ?? ""
          return (
            key: member.key, value: member.key == "xspress" ? JSONValue.object(object).text() : own
          )
        })
      for info in file.tensors {
        var part = (name: info.name, values: try file.floats(of: info))
        tensor(&part)
        try writer.add(
          part.name, dtype: .f32, shape: [part.values.count], floats: part.values)
      }
      try writer.write(to: path)
      let loaded = checkpoint.load(matching: state)
      #expect(loaded.state == nil && loaded.warnings.count == 1)
      #expect(loaded.warnings.first?.kind == "TUNE-CHECKPOINT")
      return loaded.warnings.first?.message ?? ""
    }
  }

  /// A run that is done needs neither generation.
  @Test func bothGenerationsAreRemoved() throws {
    let state = try #require(Self.state)
    try withTemporaryDirectory { folder in
      let checkpoint = TuningCheckpoint(path: Paths.join(folder, "state"), planDigest: "p")
      for _ in 0..<2 { try checkpoint.save(state) }
      #expect(try Paths.entries(of: folder).count == 2)
      checkpoint.remove()
      #expect(try Paths.entries(of: folder).isEmpty)
      let loaded = checkpoint.load(matching: state)
      #expect(loaded.state == nil && loaded.warnings.isEmpty)
    }
  }

  @Test(arguments: ["step", "bestStep", "bestLoss", "trainLoss", "validationLoss", "trials"])
  func missingMembersAreNamed(_ key: String) throws {
    #expect(try warning(metadata: { $0[key] = nil }).contains(key))
  }

  /// Without validation examples nothing is best before the first measurement.
  @Test func nothingMayBeBestYet() throws {
    try withTemporaryDirectory { folder in
      let checkpoint = TuningCheckpoint(path: "\(folder)/c", planDigest: "p")
      let state = try TinyRun().tuner(TinyRun.options).state
      #expect(state.history.bestLoss == .infinity)
      try checkpoint.save(state)
      let loaded = checkpoint.load(matching: state)
      #expect(loaded.warnings.isEmpty && loaded.state?.history.bestLoss == .infinity)
    }
  }

  @Test func everyLossHasItsStep() throws {
    for value in [[[1]], [[1, 0.5, 2]]] as [JSONValue] {
      let found = try warning(metadata: { $0["validationLoss"] = value })
      #expect(found.contains("validationLoss[0]") && found.contains("[step, loss]"), "\(found)")
    }
  }

  @Test func trialsAreRead() throws {
    // Read, and then not what the digest is of.
    #expect(try warning(metadata: { $0["roundingLevel"] = 2 }).contains("SHA-256"))
    let trial: JSONValue = ["learningRate": 0.1, "steps": 2, "loss": nil, "seconds": 1.0]
    #expect(try warning(metadata: { $0["trials"] = [trial] }).contains("SHA-256"))
    #expect(try warning(metadata: { $0["trials"] = [["steps": 2]] }).contains("learningRate"))
  }

  @Test func numbersAreAsManyAsTheRunHas() throws {
    var first: String?
    let found = try warning(tensor: { part in
      if first == nil || first == part.name {
        first = part.name
        part.values.append(0)
      }
    })
    #expect(found.contains("numbers, expected"), "\(found)")
    #expect(try found.contains(#require(first)), "\(found)")
  }
}
