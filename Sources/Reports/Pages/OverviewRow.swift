import Foundation

/// One job's line in the overview, with the numbers that it is sorted by.
struct OverviewRow: Sendable {
  /// The place of the job's page beside the overview: never its name, which anybody may have chosen.
  let page: String
  let state: JobRecord.State
  let cells: SummaryRow
  /// Mean share of the updates' energy that the directions hold.
  let energy: Double?
  let loraAccuracy: Double?
  let accuracy: Double?
  let retained: Double?
  let retainedRange: ClosedRange<Double>?
  let nll: Double?
  let shippedBytes: Int?
  let artifactBytes: Int?
  let ratio: Double?
  /// Why it failed or was rejected.
  let failure: String?

  /// The place of the page of the job at `index`.
  static func page(_ index: Int) -> String {
    let digits = String(index)
    return "jobs/" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".html"
  }

  init(_ job: JobRecord, index: Int) {
    page = OverviewRow.page(index)
    state = job.state
    cells = SummaryRow(job)
    energy = job.meanCapturedEnergy
    let result = job.evaluation?.result
    loraAccuracy = job.evaluation?.first(.lora)?.accuracy
    accuracy = result?.accuracy
    retained = result?.retainedGain
    retainedRange = result?.retainedGainCI95
    nll = result?.nll
    shippedBytes = job.sizes?.asShipped
    artifactBytes = job.sizes?.artifact
    ratio = job.sizes?.ratioAsShipped
    failure = job.failure?.message
  }
}

extension JobRecord {
  /// The mean share of the updates' energy that the directions of their modules hold.
  var meanCapturedEnergy: Double? {
    let energies = modules.compactMap(\.capturedEnergy).filter(\.isFinite)
    return energies.isEmpty ? nil : energies.reduce(0, +) / Double(energies.count)
  }
}
