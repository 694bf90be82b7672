import Faults
import Models
import Recipes

/// Another way to spend the bytes of a result, measured beside it.
///
/// Every control has what the result has: as many bytes (within a hundredth, filled), the same coder, the same figures and
/// settings in its file (where it is counted without a file, to its favour), its shape where it has directions, the choice of bit widths where it has codes, a scale chosen on the rows that choose the result's step
/// where it has a scale, and the same distillation.
protocol Control: Sendable {
  /// Its variants at the bytes of the result.
  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant]
}

/// A control ready to be measured.
struct ControlVariant {
  let name: String
  let bytes: Int
  let pool: DecoderPool
}

/// The controls by their names in options.
extension JobRequest.Control {
  /// What makes its variants.
  var implementation: any Control {
    switch self {
    case .top: DirectionsControl(title: "top directions", choice: .leading)
    case .zero: ZeroControl()
    case .random: DirectionsControl(title: "random bases", choice: .random)
    case .truncated: TruncatedControl()
    case .ternary: TernaryControl()
    case .forms: FormsControl()
    case .lora: VectorsControl(method: .lora)
    case .vera: VectorsControl(method: .vera)
    }
  }
}
