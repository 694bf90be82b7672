import Checkpoints
import Evaluation

/// Multiplications and additions that one tuning step cannot do without, by formula; padding is not among them.
///
/// With N tokens, P loss positions, d, F, H·D, K·D, V as in `Models`: weights `2N·Σ in·out`, once forward and
/// once for the input gradient (block 0 needs none before its q, k, v); updates `2N(2(in·r + r² + r·out) + r²)`;
/// attention `2·6·H·D·Σ L(L+1)/2` (two products forward, four backward, the causal half); head `2·P·d·V`
/// forward and back, and once more for the teacher. Norms, rotary angles, softmax and AdamW are left out.
struct StepOperations {
  /// Of the frozen weights alone.
  let weights: Double
  /// Of the whole step.
  let total: Double

  init(_ model: DecoderConfiguration, examples: [TokenizedExample], rank: Int, hasTeacher: Bool) {
    let lengths = examples.map(\.tokenCount)
    let tokens = Double(lengths.reduce(0, +))
    let positions = Double(examples.reduce(0) { $0 + $1.completion.count })
    var weights = 0.0
    var updates = 0.0
    for module in model.linearModules {
      let (rows, columns, r) = (Double(module.outFeatures), Double(module.inFeatures), Double(rank))
      let hasInputGradient = module.layer > 0 || ![.query, .key, .value].contains(module.kind)
      weights += tokens * rows * columns * (hasInputGradient ? 2 : 1)
      updates += tokens * (2 * (columns * r + r * r + r * rows) + r * r)
      if !hasInputGradient { updates -= tokens * (columns * r + r * r) }
    }
    let pairs = lengths.reduce(0.0) { $0 + Double($1 * ($1 + 1)) / 2 }
    let attention = 6 * Double(model.queryWidth) * pairs * Double(model.layerCount)
    let head =
      positions * Double(model.hiddenSize * model.vocabularySize) * (hasTeacher ? 3 : 2)
    self.weights = 2 * weights
    total = 2 * (weights + updates + attention + head)
  }
}
