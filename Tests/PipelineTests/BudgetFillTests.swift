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
import Training

/// Budgets are filled to 99% or hold all there is, and are never passed.
@Suite struct BudgetFillTests {
  private func run(
    _ bytes: Int, in folder: String, _ change: (inout JobRequest) -> Void
  ) throws -> (record: JobRecord, size: Int) {
    let base = Paths.join(folder, "base.gguf")
    if Paths.kind(of: base) == .missing {
      try AtomicFile.write(base, bytes: try TinyRows.base())
      try AtomicFile.write(Paths.join(folder, "openings.jsonl"), text: TinyTexts.openings(96))
    }
    let session = try BaseSession(
      path: base, cacheDirectory: Paths.join(folder, "cache"), threads: 2,
      log: ProgressLog(style: .none))
    var request = JobRequest(
      name: "a", basePath: base, adapterPath: Checkout.path("golden/tiny/adapter"),
      target: .budget(bytes: bytes), method: .projected,
      outputPath: Paths.join(folder, "a.loraxs"))
    request.ownTexts.openingsPath = Paths.join(folder, "openings.jsonl")
    request.ownTexts.options.count = 96
    request.ownTexts.options.writer = .adapter
    request.ownTexts.options.length = 2
    change(&request)
    let record = try JobRunner(session: session, request: request).run()
    return (record, try InputFile(request.outputPath).readAll(limit: 1 << 20).count)
  }

  private func tune(_ request: inout JobRequest, steps: Int) {
    var tuning = JobRequest.Tuning(data: .own(limit: nil))
    tuning.validation = .fraction(0.2)
    tuning.options.steps = steps
    tuning.options.batchSize = 4
    tuning.learningRate = 1e-3
    tuning.options.quantizedSteps = request.storage.quantizedSteps(of: steps)
    request.tuning = tuning
  }

  private static let forms: [JobRequest.Form?] = [.directions, .pairs, .both, nil]

  /// What an artifact of a form holds at most: 2 bytes a number of all directions, or all pairs.
  private func hasMore(_ form: JobRequest.Form?, _ storage: LatentStorage, than size: Int) -> Bool {
    switch (form, storage) {
    case (.pairs, _), (nil, _): size < 3800
    case (_, .int3): size < 4800
    default: size < 7000
    }
  }

  @Test(arguments: forms, [LatentStorage.int8, .f16])
  func whatIsNotTunedFillsItsBudget(form: JobRequest.Form?, storage: LatentStorage) throws {
    try withTemporaryDirectory { folder in
      // Both together do not fit less.
      for budget in form == .both ? [6000] : [3700, 6000] {
        let (record, size) = try run(budget, in: folder) {
          $0.form = form
          $0.storage = storage
        }
        #expect(size <= budget)
        #expect(
          size * 100 >= budget * 99 || !hasMore(form, storage, than: size),
          "\(size) of \(budget) bytes")
        #expect((record.race == nil) == (form != nil))
      }
    }
  }

  @Test(arguments: forms, [LatentStorage.int8, .int3])
  func whatIsTunedFillsItsBudget(form: JobRequest.Form?, storage: LatentStorage) throws {
    try withTemporaryDirectory { folder in
      for budget in form == .both ? [6400] : [4600] {
        let (record, size) = try run(budget, in: folder) {
          $0.form = form
          $0.storage = storage
          tune(&$0, steps: 8)
        }
        #expect(size <= budget)
        #expect(
          size * 100 >= budget * 99 || !hasMore(form, storage, than: size),
          "\(size) of \(budget) bytes")
        guard form == nil else { continue }
        let race = try #require(record.race)
        #expect(race.measure == "kd" && race.rows == 19)
        #expect(race.entries.map(\.form) == ["directions", "pairs"])
        #expect(race.entries.count { $0.isKept } == 1)
        #expect(
          record.settings.contains { $0.name == "form chosen by" && $0.value == "a race" })
        let losses = race.entries.map(\.loss)
        #expect(race.entries[losses[0] <= losses[1] ? 0 : 1].isKept)
      }
    }
  }

  /// The same seed gives the same form and the same bytes, whatever the threads.
  @Test func theRaceIsDeterministic() throws {
    var found: [(RaceRecord?, String?)] = []
    for _ in 0..<2 {
      try withTemporaryDirectory { folder in
        let record = try run(3600, in: folder) { tune(&$0, steps: 8) }.record
        found.append((record.race, record.artifactSHA256))
      }
    }
    #expect(found[0].1 == found[1].1)
    #expect(found[0].0?.entries.map(\.loss) == found[1].0?.entries.map(\.loss))
  }

  @Test func aFormNeedsABudget() throws {
    try withTemporaryDirectory { folder in
      let fault = try #require(throws: Fault.self) {
        try run(3600, in: folder) {
          $0.form = .pairs
          $0.target = .rank(4)
        }
      }
      #expect(fault.code == "JOB-OPTIONS" && fault.reason.contains("budget"))
    }
  }
}
