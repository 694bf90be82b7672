import CKernels
import Checkpoints
import Threads

/// The function between the two products of a feed-forward layer: `a = act(g) ∘ u`, or `a = act(u)` without a gate.
///
/// `g` and `u` are the two halves of each row of one fused buffer `[N, 2F]`, or `u` is `[N, F]`; `a` `[N, F]`. Source:
/// Shazeer, "GLU Variants Improve Transformer", 2020. The functions themselves: ``Activation``.
struct GatedActivation {
  let shape: Block.FeedForward

  private typealias Row = UnsafePointer<Float>
  private typealias Target = UnsafeMutablePointer<Float>

  func forward(
    _ wide: UnsafePointer<Float>, tokens: Int, into activation: UnsafeMutablePointer<Float>
  ) {
    let (size, stride) = (shape.size, shape.wide)
    let shape = shape
    shareOut(tokens, grain: rowGrain(stride), over: (wide, activation)) { range, memory in
      let (wide, activation) = memory
      for token in range {
        let (row, out) = (wide + token * stride, activation + token * size)
        if shape.packing == .plain {
          Self.plain(shape.activation, row, size, out)
        } else {
          Self.gated(shape.activation, row, row + size, size, out)
        }
      }
    }
  }

  /// Writes the gradient of `wide` over `dWide`: `dg = da·u·act'(g)`, `du = da·act(g)`, or `du = da·act'(u)`.
  func backward(
    _ wide: UnsafePointer<Float>, dActivation: UnsafePointer<Float>, tokens: Int,
    into dWide: UnsafeMutablePointer<Float>
  ) {
    let (size, stride) = (shape.size, shape.wide)
    let shape = shape
    shareOut(tokens, grain: rowGrain(stride), over: (wide, dActivation, dWide)) { range, memory in
      let (wide, dActivation, dWide) = memory
      for token in range {
        let (row, d) = (wide + token * stride, dActivation + token * size)
        let out = dWide + token * stride
        if shape.packing == .plain {
          Self.plainGradient(shape.activation, row, d, size, out)
        } else {
          Self.gatedGradient(shape.activation, row, row + size, d, size, out, out + size)
        }
      }
    }
  }

  private static func plain(_ kind: Activation, _ x: Row, _ count: Int, _ out: Target) {
    switch kind {
    case .silu: activation_silu(x, count, out)
    case .geluTanh: activation_gelu_tanh(x, count, out)
    case .gelu: activation_gelu(x, count, out)
    case .relu: activation_relu(x, count, out)
    }
  }

  private static func gated(_ kind: Activation, _ g: Row, _ u: Row, _ count: Int, _ out: Target) {
    switch kind {
    case .silu: activation_swiglu(g, u, count, out)
    case .geluTanh: activation_gated_gelu_tanh(g, u, count, out)
    case .gelu: activation_gated_gelu(g, u, count, out)
    case .relu: activation_gated_relu(g, u, count, out)
    }
  }

  private static func plainGradient(
    _ kind: Activation, _ x: Row, _ d: Row, _ count: Int, _ out: Target
  ) {
    switch kind {
    case .silu: activation_silu_gradient(x, d, count, out)
    case .geluTanh: activation_gelu_tanh_gradient(x, d, count, out)
    case .gelu: activation_gelu_gradient(x, d, count, out)
    case .relu: activation_relu_gradient(x, d, count, out)
    }
  }

  private static func gatedGradient(
    _ kind: Activation, _ g: Row, _ u: Row, _ d: Row, _ count: Int, _ dg: Target, _ du: Target
  ) {
    switch kind {
    case .silu: activation_swiglu_gradient(g, u, d, count, dg, du)
    case .geluTanh: activation_gated_gelu_tanh_gradient(g, u, d, count, dg, du)
    case .gelu: activation_gated_gelu_gradient(g, u, d, count, dg, du)
    case .relu: activation_gated_relu_gradient(g, u, d, count, dg, du)
    }
  }
}
