import Checkpoints
import Foundation
import Tensors

/// RoPE by its tables: row t of a head is turned by the angles t·f_i.
///
/// With D dimensions that turn, entry i < D/2 goes with entry i + D/2: x ∘ cos + (x·H) ∘ sin, where x·H = (−x₂, x₁, 0). Sources: Su et
/// al., arXiv 2104.09864; frequencies as Transformers' `modeling_rope_utils` and Llama 3.1's own code have them.
struct ReferenceRotary {
  private let frequencies: [Double]
  private let magnitude: Double

  init(_ rotary: Rotary) {
    let (size, theta) = (Double(rotary.dimensions), rotary.theta)
    precondition(rotary.scaling.divisors.isEmpty, "divisors are GGUF's")
    let plain = (0..<rotary.dimensions / 2).map { pow(theta, -2 * Double($0) / size) }
    var magnitude = rotary.scaling.magnitude
    switch rotary.scaling.kind {
    case .none: frequencies = plain
    // Within the context: no text here is longer.
    case .dynamic: frequencies = plain
    case .linear(let factor): frequencies = plain.map { $0 / factor }
    case .llama3(let rule):
      frequencies = plain.map { frequency in
        let (wavelength, length) = (2 * Double.pi / frequency, Double(rule.originalLength))
        if wavelength < length / rule.highFrequencyFactor { return frequency }
        if wavelength > length / rule.lowFrequencyFactor { return frequency / rule.factor }
        let smooth =
          (length / wavelength - rule.lowFrequencyFactor)
          / (rule.highFrequencyFactor - rule.lowFrequencyFactor)
        return (1 - smooth) * frequency / rule.factor + smooth * frequency
      }
    case .yarn(let rule):
      magnitude *= rule.attentionFactor
      let length = Double(rule.originalLength)
      func dimension(_ rotations: Double) -> Double {
        size * log(length / (rotations * 2 * Double.pi)) / (2 * log(theta))
      }
      var (low, high) = (dimension(rule.betaFast), dimension(rule.betaSlow))
      if rule.truncates { (low, high) = (floor(low), ceil(high)) }
      low = max(low, 0)
      high = min(high, size - 1)
      let width = low == high ? 0.001 : high - low
      frequencies = plain.enumerated().map { index, frequency in
        let ramp = min(max((Double(index) - low) / width, 0), 1)
        return frequency / rule.factor * ramp + frequency * (1 - ramp)
      }
    case .longrope(let rule):
      magnitude *= rule.attentionFactor
      frequencies = zip(plain, rule.shortFactors).map { $0 / $1 }
    case .unknown(let reason, _): preconditionFailure(reason)
    }
    self.magnitude = magnitude
  }

  /// The rows of a head, each turned by the angles of its position, `[tokens, head dimension]`.
  func turned(_ x: Term) -> Term {
    let (rows, columns, half) = (x.value.rows, x.value.columns, frequencies.count)
    let cosines = Term.constant(rows: rows, columns: columns) { position, column in
      column < 2 * half ? magnitude * cos(Double(position) * frequencies[column % half]) : 1
    }
    let sines = Term.constant(rows: rows, columns: columns) { position, column in
      column < 2 * half ? magnitude * sin(Double(position) * frequencies[column % half]) : 0
    }
    let exchange = Term.constant(rows: columns, columns: columns) { from, to in
      if to < half { return from == to + half ? -1 : 0 }
      return to < 2 * half && from == to - half ? 1 : 0
    }
    return x * cosines + x.times(exchange) * sines
  }
}
