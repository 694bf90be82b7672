import Checkpoints
import Foundation
import Tensors

/// The textbook decoder in Float64, one sequence, one loop a formula: slow and obviously right.
///
/// Kept beside the fast one; also the function whose central differences the gradients are checked against.
struct ReferenceDecoder {
  let configuration: DecoderConfiguration
  var weights: [String: Matrix<Double>]
  /// ΔW of every updated module as (O, M, I), by module name.
  var updates: [String: Update] = [:]

  /// O, M and I of one module.
  struct Update {
    var output: Matrix<Double>
    var core: Matrix<Double>
    var input: Matrix<Double>
  }

  private func weight(_ name: String) -> Matrix<Double> {
    weights[name] ?? Matrix(rows: 0, columns: 0)
  }

  private func linear(_ name: String, _ x: [[Double]]) -> [[Double]] {
    let w = weight(name + ".weight")
    return x.map { row in
      var y = (0..<w.rows).map { o in (0..<w.columns).reduce(0.0) { $0 + w[o, $1] * row[$1] } }
      if let u = updates[name] {
        let p = (0..<u.input.columns).map { k in
          (0..<u.input.rows).reduce(0.0) { $0 + row[$1] * u.input[$1, k] }
        }
        let q = (0..<u.core.rows).map { k in
          (0..<u.core.columns).reduce(0.0) { $0 + u.core[k, $1] * p[$1] }
        }
        for o in y.indices {
          y[o] += (0..<u.output.columns).reduce(0.0) { $0 + u.output[o, $1] * q[$1] }
        }
      }
      return y
    }
  }

  private func norm(_ x: [[Double]], _ name: String) -> [[Double]] {
    let w = weight(name)
    return x.map { row in
      let mean = row.reduce(0) { $0 + $1 * $1 } / Double(row.count)
      let scale = 1 / (mean + configuration.normEpsilon).squareRoot()
      return row.indices.map { row[$0] * scale * w[0, $0] }
    }
  }

  private func rotated(_ x: [[Double]], heads: Int) -> [[Double]] {
    let dimension = configuration.headDimension
    return x.enumerated().map { position, row in
      var out = row
      for head in 0..<heads {
        for i in 0..<dimension / 2 {
          let angle =
            Double(position) * pow(configuration.ropeTheta, -Double(2 * i) / Double(dimension))
          let (a, b) = (row[head * dimension + i], row[head * dimension + i + dimension / 2])
          out[head * dimension + i] = a * cos(angle) - b * sin(angle)
          out[head * dimension + i + dimension / 2] = b * cos(angle) + a * sin(angle)
        }
      }
      return out
    }
  }

  private func attention(_ q: [[Double]], _ k: [[Double]], _ v: [[Double]]) -> [[Double]] {
    let dimension = configuration.headDimension
    let group = configuration.headCount / configuration.keyValueHeadCount
    return q.indices.map { t in
      (0..<configuration.headCount).flatMap { head -> [Double] in
        let base = head / group * dimension
        let scores = (0...t).map { s in
          (0..<dimension).reduce(0.0) { $0 + q[t][head * dimension + $1] * k[s][base + $1] }
            / Double(dimension).squareRoot()
        }
        let sum = scores.reduce(0) { $0 + exp($1) }
        return (0..<dimension).map { i in
          (0...t).reduce(0.0) { $0 + exp(scores[$1]) / sum * v[$1][base + i] }
        }
      }
    }
  }

  /// Final-normed hidden states of every position, `[L][d]`.
  func hidden(_ tokens: [Int32]) -> [[Double]] {
    let embedding = weight("model.embed_tokens.weight")
    var x = tokens.map { token in (0..<embedding.columns).map { embedding[Int(token), $0] } }
    for layer in 0..<configuration.layerCount {
      let p = "model.layers.\(layer)."
      let n = norm(x, p + "input_layernorm.weight")
      let q = rotated(linear(p + "self_attn.q_proj", n), heads: configuration.headCount)
      let k = rotated(linear(p + "self_attn.k_proj", n), heads: configuration.keyValueHeadCount)
      let v = linear(p + "self_attn.v_proj", n)
      x = plus(x, linear(p + "self_attn.o_proj", attention(q, k, v)))
      let m = norm(x, p + "post_attention_layernorm.weight")
      let gate = linear(p + "mlp.gate_proj", m)
      let up = linear(p + "mlp.up_proj", m)
      let a = zip(gate, up).map { g, u in zip(g, u).map { $0 / (1 + exp(-$0)) * $1 } }
      x = plus(x, linear(p + "mlp.down_proj", a))
    }
    return norm(x, "model.norm.weight")
  }

  private func plus(_ x: [[Double]], _ y: [[Double]]) -> [[Double]] {
    zip(x, y).map { zip($0, $1).map(+) }
  }

  /// Logits of every position, `[L][V]`.
  func logits(_ tokens: [Int32]) -> [[Double]] {
    let head =
      configuration.hasTiedEmbeddings
      ? weight("model.embed_tokens.weight") : weight("lm_head.weight")
    return hidden(tokens).map { row in
      (0..<head.rows).map { v in (0..<head.columns).reduce(0.0) { $0 + head[v, $1] * row[$1] } }
    }
  }

  /// Mean −ln p(target) over the completion tokens of examples (prompt, completion).
  func loss(_ examples: [(prompt: [Int32], completion: [Int32])]) -> Double {
    var total = 0.0
    var count = 0
    for example in examples {
      let all = logits(example.prompt + example.completion.dropLast())
      for (index, token) in example.completion.enumerated() {
        let row = all[example.prompt.count + index - 1]
        total += log(row.reduce(0) { $0 + exp($1) }) - row[Int(token)]
        count += 1
      }
    }
    return total / Double(count)
  }
}
