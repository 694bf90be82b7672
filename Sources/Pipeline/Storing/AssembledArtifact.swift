package import Artifacts
package import Faults
import Files
import Foundation
import JSON
package import Reports

/// An artifact on its way to disk.
package struct AssembledArtifact {
  package var artifact: Artifact
  /// By how much a budget made its scales larger than the best after all, beyond what tuning has seen.
  package internal(set) var coarsening = Coarsening.none
  /// How often the codes of a pair got a range smaller by one, for a budget, after tuning.
  var coarserPairs = 0

  /// How much of the figures it was made to have room for.
  var figures = AccuracyStandIn.Extent.own

  /// How its numbers were made to fit, in words.
  var scales: String {
    coarserPairs == 0
      ? coarsening.description
      : "codes of pairs in a range smaller by one, \(coarserPairs) times, for the budget"
  }

  /// Notes what it was found to retain.
  mutating func note(_ gate: GateRecord) { artifact.metadata.record["gate"] = gate.json.rounded }

  /// Whether it says what it was found to retain.
  var isJudged: Bool { artifact.metadata.record["gate"] != nil }

  /// Puts a block of figures that are not known yet into the metadata.
  mutating func standIn(_ evaluation: EvaluationRecord, _ extent: AccuracyStandIn.Extent) {
    let cut = extent == .own ? evaluation.own : evaluation.barest
    artifact.metadata.accuracy = cut.reproducible.json.rounded
    figures = extent
  }

  /// Takes out what stood in for figures.
  mutating func removeStandIns() {
    artifact.metadata.accuracy = .null
    artifact.metadata.record["gate"] = nil
  }

  /// Puts the accuracy block into the metadata, controls and comparisons left to the record; nil says that nothing was
  /// measured.
  ///
  /// Room for the block was kept by figures drawn at random, and real ones may take a little more: then ever more of them are
  /// left to the record, so that nothing that was trained is lost for a few bytes.
  ///
  /// - Parameter limit: What the file may have; nil for any size.
  /// - Returns: Whether the file holds figures where there are some.
  package mutating func setAccuracy(
    _ evaluation: inout EvaluationRecord?, within limit: Int? = nil
  ) throws(Fault) -> Bool {
    let cuts = [\EvaluationRecord.own, \.shortest, \.barest]
    let blocks = cuts.map { cut in evaluation.map { $0[keyPath: cut].reproducible.json.rounded } }
    for block in blocks + [nil] {
      artifact.metadata.accuracy = block ?? .null
      let size = try encodedByteCount()
      evaluation?.setBytes(size, of: .stored)
      if limit.map({ size <= $0 }) ?? true { break }
    }
    return evaluation == nil || artifact.metadata.accuracy != .null
  }

  /// The size of the file as it would be written now.
  package func encodedByteCount() throws(Fault) -> Int { try artifact.bytes().count }

  /// Bytes of one module's latent before compression.
  func latentByteCount(_ index: Int) -> Int {
    let module = artifact.modules[index]
    return module.stored.byteCount + (module.residual?.byteCount ?? 0)
  }
}

extension EncodedArtifact {
  /// Named parts of the file and what each costs when compressed alone.
  func parts() throws(Fault) -> [SizeRecord.Part] {
    try partSizes().map { SizeRecord.Part(name: $0.name, bytes: $0.compressedByteCount) }
  }
}

extension EvaluationRecord {
  /// What the job itself came to, without comparisons.
  fileprivate var own: EvaluationRecord { without([.control]) }

  /// The same without what the artifact comes to in nearly the same figures.
  fileprivate var shortest: EvaluationRecord { without([.control, .tuned]) }

  /// What it says of base, LoRA and artifact, without intervals.
  fileprivate var barest: EvaluationRecord {
    var record = without([.control, .tuned, .start])
    for index in record.variants.indices {
      record.variants[index].accuracyCI95 = nil
      record.variants[index].retainedGainCI95 = nil
    }
    return record
  }

  private func without(_ kinds: Set<VariantResult.Kind>) -> EvaluationRecord {
    var record = self
    record.variants.removeAll { kinds.contains($0.kind) }
    record.pairs = []
    return record
  }

  /// The record without what differs between two runs of one job, and with names for paths.
  ///
  /// Times and the artifact's own path differ. The same inputs make the same file wherever they lie, and it does not tell
  /// where. Its own size a file says by itself.
  fileprivate var reproducible: EvaluationRecord {
    var record = self
    record.data.path = Paths.properName(of: data.path)
    for index in record.variants.indices {
      record.variants[index].seconds = nil
      // The record has room for them.
      record.variants[index].labels = nil
      let isOwn = record.variants[index].kind == .stored
      record.variants[index].source =
        isOwn ? nil : record.variants[index].source.map(Paths.properName)
      if isOwn { record.variants[index].bytes = nil }
    }
    return record
  }
}

extension JSONValue {
  /// The same value with numbers cut to six significant digits.
  ///
  /// Beyond them no measurement here means anything, and digits do not compress: this halves the block. The
  /// record keeps them whole.
  fileprivate var rounded: JSONValue {
    switch self {
    case .number(let value): Double(String(format: "%.6g", value)).map { .number($0) } ?? self
    case .array(let values): .array(values.map(\.rounded))
    case .object(let object):
      .object(JSONObject(object.members.map { ($0.key, $0.value.rounded) }))
    default: self
    }
  }
}
