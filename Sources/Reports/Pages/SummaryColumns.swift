/// The columns of tables with a line a job, after its name: those of a LoRA only where a job has one.
struct SummaryColumns {
  /// A heading and what stands below it.
  typealias Column = (title: String, cell: KeyPath<SummaryRow, String>)

  /// What was measured.
  let accuracy: [Column]
  /// Bytes.
  let sizes: [Column]

  init(_ jobs: [JobRecord]) {
    let haveLoRA = jobs.haveLoRA
    let haveTuned = jobs.contains { $0.evaluation?.first(.tuned) != nil }
    // Where nothing was measured the share of the updates that is kept says something of what is lost.
    let showsEnergy =
      haveLoRA && jobs.contains { $0.evaluation == nil && $0.meanCapturedEnergy != nil }
    func columns(_ all: [(isShown: Bool, column: Column)]) -> [Column] {
      all.filter(\.isShown).map(\.column)
    }
    accuracy = columns([
      (true, ("base", \.base)), (haveLoRA, ("LoRA", \.lora)), (true, ("start", \.start)),
      (haveTuned, ("tuned", \.tuned)), (true, ("stored", \.result)),
      (true, ("95% interval", \.resultRange)), (haveLoRA, ("retained", \.retained)),
      (haveLoRA, ("NLL LoRA", \.loraNLL)), (!haveLoRA, ("NLL base", \.baseNLL)),
      (true, ("NLL stored", \.resultNLL)),
    ])
    sizes = columns([
      (haveLoRA, ("as shipped", \.asShipped)), (haveLoRA, ("as F16", \.f16)),
      (true, ("artifact", \.artifact)), (haveLoRA, ("smaller", \.ratio)),
      (haveLoRA, ("than F16", \.ratioF16)), (showsEnergy, ("energy kept", \.energy)),
    ])
  }
}
