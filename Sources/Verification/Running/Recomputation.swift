import Faults

/// What recomputing a case gave.
enum Recomputed {
  /// The comparisons made.
  case measured([Measurement])
  /// Why there is nothing to compare.
  case skipped(String)
}

/// Computes a case with the product's own code and compares.
typealias Recomputation = @Sendable (CaseContext) throws(Fault) -> Recomputed

/// The kinds of cases this version knows (`formats/golden.md` §4).
enum Recomputations {
  static let byKind: [String: Recomputation] = [
    "accuracy": AccuracyCase.measure,
    "artifact": ArtifactCase.measure,
    "bases": BasesCase.measure,
    "conversion": ConversionCase.measure,
    "decode": DecodeCase.measure,
    "evaluation": EvaluationCase.measure,
    "export": ExportCase.measure,
    "forward": ForwardCase.measure,
    "gradient": GradientCase.measure,
    "model": ModelCase.measure,
    "projection": ProjectionCase.measure,
    "quantisers": QuantisersCase.measure,
    "safetensors": SafeTensorsCase.measure,
    "selection": SelectionCase.measure,
    "tokenizer": TokenizerCase.measure,
    "training": TrainingCase.measure,
    "tuning": TuningCase.measure,
  ]
}
