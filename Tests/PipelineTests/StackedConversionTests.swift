import Adapters
import Artifacts
import Bases
import Faults
import Files
import Pipeline
import PipelineSupport
import Progress
import Projection
import Recipes
import Reports
import Sessions
import TestSupport
import Testing

/// Many adapters at once: what each comes to alone, to the byte.
@Suite struct StackedConversionTests {
  private static let adapters = ["adapter", "adapter-patterns"].map {
    Checkout.path("golden/tiny/\($0)")
  }

  /// Requests for the two tiny adapters, each with an output of its own.
  private func requests(
    _ tiny: TinyJob, _ name: String, _ target: Recipe.Target = .rank(4),
    _ change: (inout JobRequest) -> Void = { _ in }
  ) -> [JobRequest] {
    Self.adapters.enumerated().map { index, path in
      var request = tiny.request(target, change)
      request.adapterPath = path
      request.outputPath = Paths.join(tiny.folder, "\(name)-\(index).loraxs")
      return request
    }
  }

  private func runners(_ tiny: TinyJob, _ requests: [JobRequest]) throws -> [JobRunner] {
    try requests.map { try JobRunner(session: tiny.session, request: $0) }
  }

  private func bytes(_ request: JobRequest) throws -> [UInt8] {
    try InputFile(request.outputPath).readAll(limit: 1 << 20)
  }

  /// A recipe by what it changes.
  struct Way: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let change: @Sendable (TinyJob, inout JobRequest) -> Void
  }

  private static let ways = [
    Way(testDescription: "chosen directions") { _, _ in },
    Way(testDescription: "top directions") { $1.directions = .top },
    Way(testDescription: "from zero, with bases") {
      $1.method = .zero
      $1.embedsBases = true
    },
    Way(testDescription: "int3") { $1.storage = .int3 },
    Way(testDescription: "the base's moments, int4") {
      $0.calibrate(&$1)
      $1.calibrationModel = .base
      $1.storage = .int4
    },
  ]

  @Test(arguments: ways, [1, 3])
  func everyArtifactIsTheOneOfALoneJob(way: Way, threads: Int) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder, threads: threads)
      let together = requests(tiny, "together") { way.change(tiny, &$0) }
      #expect(together.allSatisfy(StackedConversion.accepts))
      let stacked = try StackedConversion(session: tiny.session, scratch: nil)
      let results = try stacked.run(try runners(tiny, together))
      for (request, result) in zip(together, results) {
        let record = try result.get()
        var alone = request
        alone.outputPath = Paths.join(folder, "alone.loraxs")
        let other = try JobRunner(session: tiny.session, request: alone).run()
        #expect(try bytes(request) == bytes(alone))
        #expect(record.sizes?.artifact == other.sizes?.artifact)
        #expect(record.artifactSHA256 == other.artifactSHA256)
        #expect(record.modules == other.modules && record.settings == other.settings)
        #expect(record.warnings == other.warnings)
      }
    }
  }

  /// A group that goes on with directions from the shelf makes the same files.
  @Test func directionsKeptBetweenGroupsAreTheSame() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let kept = try StackedConversion(session: tiny.session, scratch: folder)
      let (first, second) = (requests(tiny, "first"), requests(tiny, "second"))
      for group in [first, second] {
        for result in try kept.run(try runners(tiny, group)) { _ = try result.get() }
      }
      for (a, b) in zip(first, second) { #expect(try bytes(a) == bytes(b)) }
    }
  }

  /// One whose output cannot be written is a failure of its own.
  @Test func oneFaultLeavesTheOthers() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      var group = requests(tiny, "a")
      let runners = try runners(tiny, group)
      group[0].outputPath = Paths.join(folder, "a-0.loraxs")
      // A folder in the place of the file, made after the job was checked.
      try Paths.makeDirectory(group[0].outputPath)
      let results = try StackedConversion(session: tiny.session, scratch: nil).run(runners)
      let fault = try #require(throws: Fault.self) { _ = try results[0].get() }
      #expect(fault.path == group[0].outputPath && fault.exitCode == 73)
      #expect(try results[1].get().state == .done)
      #expect(try Artifact(bytes: bytes(group[1])).modules.count > 0)
    }
  }

  /// Jobs that train, measure, fill or go on from something are done one at a time.
  @Test func onlyPlainConversionsAreStacked() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let refused: [(inout JobRequest) -> Void] = [
        { tiny.tune(&$0) },
        { $0.evaluation = JobRequest.Data(path: tiny.rows) },
        { tiny.calibrate(&$0) },
        { $0.residual = JobRequest.Residual(size: .pairs(1)) },
        { $0.controls = [.top] },
        { $0.startArtifactPath = tiny.output },
        { $0.directions = .own },
        { $0.target = .budget(bytes: 4000) },
        { $0.target = .rank(0) },
        {
          $0.target = .budget(bytes: 4000)
          $0.form = .pairs
        },
      ]
      #expect(StackedConversion.accepts(tiny.request()))
      for (index, change) in refused.enumerated() {
        #expect(!StackedConversion.accepts(tiny.request(.rank(4), change)), "\(index)")
      }
    }
  }
}
