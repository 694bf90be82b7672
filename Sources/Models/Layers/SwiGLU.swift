import CKernels
import LinearAlgebra

/// The gated activation of Llama's feed-forward block: `a = silu(g) ∘ u`, `silu(g) = g/(1 + e^{−g})`.
///
/// `g` and `u` are the two halves of each row of one fused buffer `[N, 2F]`; `a` `[N, F]`. Source:
/// Shazeer, "GLU Variants Improve Transformer", 2020.
enum SwiGLU {
  static func forward(
    _ gateUp: UnsafePointer<Float>, tokens: Int, size: Int,
    into activation: UnsafeMutablePointer<Float>,
    threads: Int
  ) {
    let (gateUp, activation) = (Shared(gateUp), Shared(activation))
    parallelRanges(tokens, threads: threads, minimum: 16) { range in
      for token in range {
        let gate = gateUp.pointer + token * 2 * size
        activation_swiglu(gate, gate + size, size, activation.pointer + token * size)
      }
    }
  }

  /// Writes ∂L/∂g and ∂L/∂u over `dGateUp` `[N, 2F]`: with σ the logistic function,
  /// `du = da·g·σ`, `dg = da·u·σ·(1 + g·(1 − σ))`.
  static func backward(
    _ gateUp: UnsafePointer<Float>, dActivation: UnsafePointer<Float>, tokens: Int, size: Int,
    into dGateUp: UnsafeMutablePointer<Float>, threads: Int
  ) {
    let (gateUp, dActivation, dGateUp) = (Shared(gateUp), Shared(dActivation), Shared(dGateUp))
    parallelRanges(tokens, threads: threads, minimum: 16) { range in
      for token in range {
        let gate = gateUp.pointer + token * 2 * size
        let dGate = dGateUp.pointer + token * 2 * size
        activation_swiglu_gradient(
          gate, gate + size, dActivation.pointer + token * size, size, dGate, dGate + size)
      }
    }
  }
}
