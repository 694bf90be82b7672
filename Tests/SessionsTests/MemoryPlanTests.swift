import Bases
import Faults
import Files
import Pipeline
import PipelineSupport
import Progress
import Recipes
import Reports
import Sessions
import TestSupport
import Testing
import Training

/// `--memory`: what does not fit is refused before work, and what fits gives the same bytes whatever is held.
@Suite struct MemoryPlanTests {
  private func session(_ tiny: TinyJob, memory: Int?) throws -> BaseSession {
    try BaseSession(
      path: Paths.join(tiny.folder, "base.gguf"), cacheDirectory: nil, threads: 2, memory: memory,
      log: ProgressLog(style: .none))
  }

  @Test func aBudgetTooSmallIsRefusedWithWhatIsNeeded() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let request = tiny.request { tiny.calibrate(&$0) }
      let small = try session(tiny, memory: 90_000_000)
      let found = fault { () throws(Fault) in try JobRunner(session: small, request: request) }
      #expect(found?.code == "MEM-BUDGET" && found?.exitCode == 71)
      let words = try #require(found?.reason.split(separator: " "))
      let needed = try #require(words.compactMap { Int($0) }.first)
      #expect((90_000_001..<200_000_000).contains(needed))
      // The figure is one that will do, and a byte less is not.
      _ = try JobRunner(session: try session(tiny, memory: needed), request: request)
      let almost = try session(tiny, memory: needed - 1)
      #expect(
        fault { () throws(Fault) in try JobRunner(session: almost, request: request) }?.code
          == "MEM-BUDGET")
    }
  }

  /// Without passes of the model there is nothing to be held.
  @Test func aConversionWithoutDataNeedsLittle() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try JobRunner(session: try session(tiny, memory: 1 << 20), request: tiny.request())
    }
  }

  @Test func blocksOnDiskGiveTheSameBytes() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let change = { (request: inout JobRequest) in
        tiny.calibrate(&request)
        tiny.tune(&request)
      }
      let held = try tiny.run(.rank(4), change).bytes
      let request = tiny.request(.rank(4), change)
      // The least that is accepted.
      let small = try session(tiny, memory: 1)
      let words = fault { () throws(Fault) in try JobRunner(session: small, request: request) }?
        .reason.split(separator: " ").compactMap { Int($0) }
      let least = try session(tiny, memory: try #require(words?.first))
      #expect(try JobRunner(session: least, request: request).run().state == .done)
      #expect(try InputFile(tiny.output).readAll(limit: 1 << 20) == held)
    }
  }
}
