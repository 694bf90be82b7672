import Foundation
import Reports

/// An evaluation as a table for people.
enum EvaluationTable {
  static func text(_ record: EvaluationRecord) -> String {
    let header = [
      "variant", "accuracy", "95% interval", "NLL", "KL to teacher", "agreement", "retained",
      "bytes",
    ]
    let rows = record.variants.map(row)
    return TextTable.text(header, rows) + "\n\(record.extent) of \(record.data.path)"
  }

  private static func row(_ variant: VariantResult) -> [String] {
    let interval = variant.accuracyCI95.map {
      "\(percent($0.lowerBound))–\(percent($0.upperBound))"
    }
    let divergence = variant.klToTeacher.map { String(format: "%.4f", $0) }
    let missing = "–"
    return [
      variant.name, percent(variant.accuracy), interval ?? missing,
      String(format: "%.4f", variant.nll), divergence ?? missing,
      variant.agreement.map(percent) ?? missing, variant.retainedGain.map(percent) ?? missing,
      variant.bytes.map { "\($0)" } ?? missing,
    ]
  }

  private static func percent(_ fraction: Double) -> String {
    String(format: "%.1f%%", fraction * 100)
  }
}
