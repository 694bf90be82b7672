/// `report.csv`, one row a variant, and `modules.csv`, one row a module (`formats/report.md` §3).
enum CSVPage {
  static func variants(_ report: Report) -> String {
    var out = CSVText.row([
      "job", "state", "adapter", "base", "kind", "variant", "n", "accuracy", "accuracy_low",
      "accuracy_high", "accuracy_norm", "nll", "choice_nll", "kl_to_teacher", "agreement",
      "retained_gain", "retained_gain_low", "retained_gain_high", "variant_bytes", "seconds",
      "macro_f1", "matthews", "pearson", "pearson_low", "pearson_high", "spearman",
      "as_shipped_bytes", "f16_equivalent_bytes", "artifact_bytes", "error",
    ])
    for job in report.jobs {
      let head = [job.name, job.state.rawValue, job.adapter?.path ?? "", job.base?.path ?? ""]
        .map { CSVText.cell(VisibleText.of($0)) }
      let tail = [
        CSVText.cell(job.sizes?.asShipped), CSVText.cell(job.sizes?.f16Equivalent),
        CSVText.cell(job.sizes?.artifact), CSVText.cell(VisibleText.of(job.failure?.message ?? "")),
      ]
      let variants = job.evaluation?.variants ?? []
      // A job without measurements still has its row: every job is accounted for.
      let rows = variants.isEmpty ? [[String](repeating: "", count: 22)] : variants.map(cells)
      for row in rows { out += CSVText.row(head + row + tail) }
    }
    return out
  }

  static func modules(_ report: Report) -> String {
    moduleHeader + report.jobs.map(modules).joined()
  }

  static var moduleHeader: String {
    CSVText.row([
      "job", "module", "out_features", "in_features", "lora_rank", "output_rank", "input_rank",
      "captured_energy", "weighted_captured_energy", "bytes",
    ])
  }

  /// The rows of one job.
  static func modules(_ job: JobRecord) -> String {
    job.modules.map { module in
      CSVText.row([
        CSVText.cell(VisibleText.of(job.name)), CSVText.cell(VisibleText.of(module.name)),
        CSVText.cell(module.outFeatures), CSVText.cell(module.inFeatures),
        CSVText.cell(module.loraRank), CSVText.cell(module.outputRank),
        CSVText.cell(module.inputRank), CSVText.cell(module.capturedEnergy),
        CSVText.cell(module.weightedCapturedEnergy), CSVText.cell(module.bytes),
      ])
    }.joined()
  }

  private static func cells(_ variant: VariantResult) -> [String] {
    [
      CSVText.cell(variant.kind.rawValue), CSVText.cell(VisibleText.of(variant.name)),
      CSVText.cell(variant.n), CSVText.cell(variant.accuracy),
      CSVText.cell(variant.accuracyCI95?.lowerBound),
      CSVText.cell(variant.accuracyCI95?.upperBound), CSVText.cell(variant.accuracyNorm),
      CSVText.cell(variant.nll), CSVText.cell(variant.choiceNLL),
      CSVText.cell(variant.klToTeacher), CSVText.cell(variant.agreement),
      CSVText.cell(variant.retainedGain), CSVText.cell(variant.retainedGainCI95?.lowerBound),
      CSVText.cell(variant.retainedGainCI95?.upperBound), CSVText.cell(variant.bytes),
      CSVText.cell(variant.seconds), CSVText.cell(variant.labels?.macroF1),
      CSVText.cell(variant.labels?.matthews), CSVText.cell(variant.correlation?.pearson),
      CSVText.cell(variant.correlation?.pearsonCI95?.lowerBound),
      CSVText.cell(variant.correlation?.pearsonCI95?.upperBound),
      CSVText.cell(variant.correlation?.spearman),
    ]
  }
}
