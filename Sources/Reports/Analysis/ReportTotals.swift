/// The sums at the head of a report; every job is counted in exactly one state.
struct ReportTotals {
  let listed: Int
  let done: Int
  let failed: Int
  let rejected: Int
  let kept: Int
  let skipped: Int
  /// Bytes of the finished jobs' adapters as shipped, and of what they came to: artifacts, and LoRAs that were kept.
  let asShipped: Int
  let f16Equivalent: Int
  let artifact: Int
  /// Of these the bytes that came of adapters, and how many jobs had none.
  let convertedArtifact: Int
  let fromNothing: Int
  /// The median retained gain of the results, where measured.
  let medianRetainedGain: Double?
  /// Measured figures that are not finite and therefore in no total.
  let leftOut: Int

  /// `2 of 3 done, 1 failed`: states that no job is in are not mentioned.
  var sentence: String {
    "\(done) of \(listed) done" + others
  }

  /// `, 1 failed, 1 rejected`, after the number of those that are done.
  var others: String {
    [
      (kept, "kept as LoRA"), (failed, "failed"), (rejected, "rejected"), (skipped, "skipped"),
    ].filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
  }

  /// `9.8 MB as shipped became 95 kB of artifacts`; without adapters what artifacts take.
  var bytesSentence: String {
    guard convertedArtifact > 0 else { return "\(Numerals.bytes(artifact)) of artifacts" }
    let others = artifact - convertedArtifact
    return
      "\(Numerals.bytes(asShipped)) as shipped became \(Numerals.bytes(convertedArtifact)) of artifacts"
      + (others > 0 ? ", and \(Numerals.bytes(others)) came from nothing" : "")
  }

  init(_ jobs: [JobRecord]) {
    listed = jobs.count
    done = jobs.count { $0.state == .done }
    failed = jobs.count { $0.state == .failed }
    rejected = jobs.count { $0.state == .rejected }
    kept = jobs.count { $0.state == .kept }
    skipped = jobs.count { $0.state == .skipped }
    let sizes = jobs.compactMap(\.sizes)
    asShipped = sizes.compactMap(\.asShipped).reduce(0, &+)
    f16Equivalent = sizes.compactMap(\.f16Equivalent).reduce(0, &+)
    artifact = sizes.map(\.artifact).reduce(0, &+)
    convertedArtifact = sizes.filter { $0.asShipped != nil }.map(\.artifact).reduce(0, &+)
    fromNothing = jobs.count(where: \.isFromNothing)
    let evaluations = jobs.compactMap(\.evaluation)
    let gains = evaluations.compactMap { $0.result?.retainedGain }.filter(\.isFinite).sorted()
    medianRetainedGain =
      gains.isEmpty ? nil : (gains[(gains.count - 1) / 2] + gains[gains.count / 2]) / 2
    leftOut = evaluations.flatMap(\.variants).count(where: \.hasLostFigure)
  }
}

extension EvaluationRecord {
  /// The variant the work came to.
  var result: VariantResult? { resultIndex.map { variants[$0] } }
}
