import Bases
import Files
import Foundation
package import Pipeline
import Progress
import Projection
package import Recipes
package import Reports
package import Sessions
import TestSupport
import Training

/// Jobs on the tiny model, in a folder of their own.
package struct TinyJob {
  package let folder: String
  package let session: BaseSession
  /// Rows with two choices each, all prompts different.
  package var rows: String { Paths.join(folder, "rows.jsonl") }
  package var output: String { Paths.join(folder, "a.loraxs") }

  package init(in folder: String, threads: Int = 2) throws {
    self.folder = folder
    let base = Paths.join(folder, "base.gguf")
    if Paths.kind(of: base) == .missing {
      try AtomicFile.write(base, bytes: try TinyRows.base())
      try AtomicFile.write(Paths.join(folder, "rows.jsonl"), text: TinyTexts.choices(200))
    }
    session = try BaseSession(
      path: base, cacheDirectory: Paths.join(folder, "cache"), threads: threads,
      log: ProgressLog(style: .none))
  }

  /// A job; `change` sets what is not as in the plainest conversion.
  package func request(
    _ target: Recipe.Target = .rank(4), _ change: (inout JobRequest) -> Void = { _ in }
  ) -> JobRequest {
    var request = JobRequest(
      name: "a", basePath: Paths.join(folder, "base.gguf"),
      adapterPath: Checkout.path("golden/tiny/adapter"), target: target, method: .projected,
      outputPath: output)
    change(&request)
    return request
  }

  /// What the stages of such a job share.
  package func context(
    _ target: Recipe.Target = .rank(4), _ change: (inout JobRequest) -> Void = { _ in }
  ) throws -> JobContext {
    try JobContext(session: session, request: request(target, change))
  }

  /// The record and the bytes of such a job.
  package func run(
    _ target: Recipe.Target, _ change: (inout JobRequest) -> Void = { _ in }
  ) throws -> (record: JobRecord, bytes: [UInt8]) {
    let record = try JobRunner(session: session, request: request(target, change)).run()
    return (record, try InputFile(output).readAll(limit: 1 << 20))
  }

  /// The names of what is left in the folder beside base, rows and cache.
  package var files: Set<String> {
    get throws {
      Set(try FileManager.default.contentsOfDirectory(atPath: folder))
        .subtracting(["base.gguf", "rows.jsonl", "cache"]).filter { !$0.hasSuffix(".lock") }
    }
  }

  /// Calibration on the first 20 rows.
  package func calibrate(_ request: inout JobRequest) {
    request.calibration = .file(JobRequest.Data(path: rows, limit: 20))
    request.method = .kfac
  }

  /// Tuning on the first 120 rows, a fifth of them for validation.
  package func tune(_ request: inout JobRequest, steps: Int = 4) {
    var tuning = JobRequest.Tuning(data: .file(JobRequest.Data(path: rows, limit: 120)))
    tuning.validation = .fraction(0.2)
    tuning.options.steps = steps
    tuning.options.batchSize = 4
    tuning.options.quantizedSteps = request.storage.quantizedSteps(of: steps)
    request.tuning = tuning
  }
}
