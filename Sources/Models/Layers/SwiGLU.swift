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
        let up = gate + size
        let out = activation.pointer + token * size
        var index = 0
        while index + 8 <= size {
          let g = gate.lanes(index)
          out.setLanes(index, g / (1 + (-g).exponential) * up.lanes(index))
          index += 8
        }
        while index < size {
          let g = Lanes(repeating: gate[index])
          out[index] = (g / (1 + (-g).exponential))[0] * up[index]
          index += 1
        }
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
        let up = gate + size
        let da = dActivation.pointer + token * size
        let dGate = dGateUp.pointer + token * 2 * size
        let dUp = dGate + size
        var index = 0
        while index < size {
          let full = index + 8 <= size
          let g = full ? gate.lanes(index) : Lanes(repeating: gate[index])
          let u = full ? up.lanes(index) : Lanes(repeating: up[index])
          let d = full ? da.lanes(index) : Lanes(repeating: da[index])
          let sigma = 1 / (1 + (-g).exponential)
          let gateGradient = d * u * sigma * (1 + g * (1 - sigma))
          let upGradient = d * g * sigma
          if full {
            dGate.setLanes(index, gateGradient)
            dUp.setLanes(index, upGradient)
            index += 8
          } else {
            dGate[index] = gateGradient[0]
            dUp[index] = upGradient[0]
            index += 1
          }
        }
      }
    }
  }
}
