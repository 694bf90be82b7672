import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Files
import Pipeline
import PipelineSupport
import Projection
import Recipes
import Reports
import Sessions
import Tensors
import TestSupport
import Testing

/// One number makes up for what a small form leaves out of every module.
@Suite struct StartScaleTests {
  /// A parabola over the logarithm; the walk ends one step behind its lowest point.
  @Test(arguments: [(1.25, 1.25), (2.0, 1.953125), (0.8, 0.8), (0.5, 0.512), (1.0, 1.0)])
  func walksToTheLowest(lowest: Double, found: Double) throws {
    func loss(_ multiple: Double) -> Double {
      let distance = multiple / lowest - lowest / multiple
      return distance * distance
    }
    let scale = try StartScale.walk { (multiple) throws(Fault) in loss(multiple) }
    #expect(abs(scale.multiple / found - 1) < 1e-9)
    #expect(scale.first == loss(1) && scale.loss == loss(scale.multiple))
  }

  @Test func endsWhereNothingIsBetterOrTheLossIsNoNumber() throws {
    var asked: [Double] = []
    let flat = try StartScale.walk { (multiple) throws(Fault) in
      asked.append(multiple)
      return 2
    }
    #expect(flat.multiple == 1 && asked == [1, 1.25, 0.8])
    let strange = try StartScale.walk { (multiple) throws(Fault) in multiple == 1 ? 1 : .nan }
    #expect(strange.multiple == 1)
    // For ever falling: eight steps.
    let falling = try StartScale.walk { (multiple) throws(Fault) in 1 / multiple }
    #expect(abs(falling.multiple - 5.9605) < 1e-3)
  }

  private func scaled(
    _ target: Recipe.Target = .rank(2), _ change: (TinyJob, inout JobRequest) -> Void
  ) throws -> (start: Start, plain: [ProjectedModule]) {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try tiny.context(target) { change(tiny, &$0) }
      try job.run(BasesStage())
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      let size = try #require(JobSize.all(of: target, rank: job.source.rank).first)
      let start = try #require(
        try job.run(StartStage(), (size, projector, try job.run(RowsStage()))).first)
      let plain = try zip(start.projected.bases, job.source.updates).map {
        try Projection.fit(update: $1, basis: try $0.whole(), method: .projected)
      }
      return (start, plain)
    }
  }

  /// Latents, and the energies that they capture: of a projection times a `2a − a²` of what it captured.
  @Test func scalesLatentsAndTheirEnergies() throws {
    let (start, plain) = try scaled { tiny, request in
      tiny.tune(&request)
      request.method = .projected
    }
    let scale = try #require(start.scale)
    #expect(scale.multiple != 1 && scale.loss < scale.first)
    for (scaled, fitted) in zip(start.projected.projections, plain) {
      #expect(
        zip(scaled.latent.elements, fitted.latent.elements)
          .allSatisfy { abs($0 - scale.multiple * $1) < 1e-12 })
      let share = scale.multiple * (2 - scale.multiple)
      let expected = try #require(fitted.capturedEnergy) * share
      #expect(abs(try #require(scaled.capturedEnergy) - expected) < 1e-9)
      #expect(scaled.heldEnergy == fitted.heldEnergy)
    }
  }

  /// Where the job asks the LoRA model nothing else, and where nothing starts: as they are.
  @Test func startsThatAreNotScaled() throws {
    #expect(try scaled { $1.method = .projected }.start.scale == nil)
    let shared = try scaled { tiny, request in
      tiny.calibrate(&request)
      request.calibrationModel = .base
    }
    #expect(shared.start.scale == nil)
    let zero = try scaled { tiny, request in
      tiny.tune(&request)
      request.method = .zero
    }
    #expect(zero.start.scale == nil)
  }

  /// On rows behind those that calibrate, and where there are none on those.
  @Test(arguments: [20, 200]) func calibrationScales(limit: Int) throws {
    let start = try scaled { tiny, request in
      tiny.calibrate(&request)
      request.calibration = .file(JobRequest.Data(path: tiny.rows, limit: limit))
    }.start
    let scale = try #require(start.scale)
    #expect(scale.loss <= scale.first && scale.first.isFinite)
  }

  /// Pairs by curvature or by plain energy, whichever is nearer; the record says which and how it was scaled.
  @Test func theRecordSaysWhatWasDone() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let (record, _) = try tiny.run(.budget(bytes: 3700)) { request in
        tiny.calibrate(&request)
        request.form = .pairs
      }
      func setting(_ name: String) throws -> String {
        try #require(record.settings.first { $0.name == name }).value
      }
      #expect(["curvature", "plain energy"].contains(try setting("pairs chosen by")))
      #expect(try setting("start scaled by").contains("KL to the LoRA"))
    }
  }
}
