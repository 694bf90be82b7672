import Foundation
import Reports

/// An evaluation as a table for people.
enum EvaluationTable {
  static func text(_ record: EvaluationRecord) -> String {
    let compared = ["KL to teacher", "agreement", "retained"]
    let hasLabels = record.variants.contains { $0.labels != nil }
    // Of numbers none is simply right.
    let hasNumbers = record.variants.contains { $0.correlation != nil }
    let measures =
      hasNumbers
      ? ["Pearson", "95% interval", "Spearman", "squared error"]
      : ["accuracy", "95% interval"] + (hasLabels ? ["macro F1", "Matthews"] : []) + ["NLL"]
    let header =
      ["variant"] + measures + (record.hasTeacher ? compared : []) + ["bytes"]
    let rows = record.variants.map {
      row($0, hasLabels: hasLabels, hasTeacher: record.hasTeacher)
    }
    return TextTable.text(header, rows) + "\n" + record.extent(of: record.data.path)
  }

  private static func row(
    _ variant: VariantResult, hasLabels: Bool, hasTeacher: Bool
  ) -> [String] {
    let interval = variant.accuracyCI95.map {
      "\(percent($0.lowerBound))–\(percent($0.upperBound))"
    }
    let loss = String(format: "%.4f", variant.nll)
    let divergence = variant.klToTeacher.map { String(format: "%.4f", $0) }
    let missing = "–"
    let compared = [
      divergence ?? missing, variant.agreement.map(percent) ?? missing,
      variant.retainedGain.map(percent) ?? missing,
    ]
    let labels = [variant.labels?.macroF1, variant.labels?.matthews].map { figure in
      figure.map { String(format: "%.3f", $0) } ?? missing
    }
    var measures =
      [percent(variant.accuracy), interval ?? missing] + (hasLabels ? labels : []) + [loss]
    if let figures = variant.correlation {
      let interval = figures.pearsonCI95.map {
        String(format: "%.3f to %.3f", $0.lowerBound, $0.upperBound)
      }
      measures = [
        String(format: "%.3f", figures.pearson), interval ?? missing,
        String(format: "%.3f", figures.spearman), loss,
      ]
    }
    return [variant.name] + measures
      + (hasTeacher ? compared : []) + [variant.bytes.map { "\($0)" } ?? missing]
  }

  private static func percent(_ fraction: Double) -> String {
    String(format: "%.1f%%", fraction * 100)
  }
}
