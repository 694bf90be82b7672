import CKernels
public import Checkpoints
import Foundation
import LinearAlgebra
public import Tensors

/// The layers of a ``ClassHead`` in Float32, row-major: `z = W·p + b` with `p = f(u)`, `u = D·x + e`, or `p = x` without a dense layer.
///
/// Shapes: `x`, `p` `[P, d]`, `W` `[classes, d]`, `b` `[classes]`, `D` `[d, d]`, `e` `[d]`, `z` `[P, classes]`. Passes read the
/// numbers; whoever trains them changes them between passes.
public final class ClassLayers: Sendable {
  /// What the head is.
  public let head: ClassHead
  private let size: Int
  private let weight: FloatBuffer
  private let bias: FloatBuffer?
  private let dense: FloatBuffer?
  private let denseBias: FloatBuffer?

  /// A head from its numbers, row-major.
  public init(
    _ head: ClassHead, hiddenSize: Int, weight: [Float], bias: [Float]?,
    dense: (weight: [Float], bias: [Float])?
  ) {
    precondition(weight.count == head.count * hiddenSize)
    self.head = head
    size = hiddenSize
    self.weight = FloatBuffer(weight)
    self.bias = bias.map { FloatBuffer($0) }
    self.dense = dense.map { FloatBuffer($0.weight) }
    denseBias = dense.map { FloatBuffer($0.bias) }
  }

  /// A copy whose numbers change without those of the original.
  public func copy() -> ClassLayers {
    func elements(_ buffer: FloatBuffer) -> [Float] {
      buffer.matrix(rows: 1, columns: buffer.count).elements
    }
    return ClassLayers(
      head, hiddenSize: size, weight: elements(weight), bias: bias.map(elements),
      dense: dense.flatMap { dense in denseBias.map { (elements(dense), elements($0)) } })
  }

  // MARK: - Passes

  /// Numbers that are kept of `rows` states where there is a dense layer: `p`, and behind it `u` where f needs it on the way back.
  func pooledCount(_ rows: Int) -> Int {
    switch head.form.dense == nil ? nil : head.form.function {
    case nil: 0
    case .tanh: rows * size
    case .gelu: 2 * rows * size
    }
  }

  /// Writes `z` of `rows` states, and to `pooled` what ``pooledCount(_:)`` says.
  func forward(
    _ x: UnsafePointer<Float>, rows: Int, pooled: UnsafeMutablePointer<Float>,
    into z: UnsafeMutablePointer<Float>
  ) {
    var input = x
    if let dense, let denseBias {
      let count = rows * size
      switch head.form.function {
      case .tanh:
        product(x, rows, dense, denseBias, columns: size, into: pooled)
        for index in 0..<count { pooled[index] = tanh(pooled[index]) }
      case .gelu:
        product(x, rows, dense, denseBias, columns: size, into: pooled + count)
        activation_gelu(pooled + count, count, pooled)
      }
      input = UnsafePointer(pooled)
    }
    product(input, rows, weight, bias, columns: head.count, into: z)
  }

  private func product(
    _ x: UnsafePointer<Float>, _ rows: Int, _ matrix: FloatBuffer, _ bias: FloatBuffer?,
    columns: Int, into y: UnsafeMutablePointer<Float>
  ) {
    BLAS.gemm(
      transposeB: true, rows: rows, columns: columns, inner: size, x, matrix.pointer, y)
    guard let bias else { return }
    for row in 0..<rows {
      for index in 0..<columns { y[row * columns + index] += bias.pointer[index] }
    }
  }

  /// Writes ∂L/∂x for ∂L/∂z: `∂L/∂p = ∂L/∂z·W`, and with a dense layer `∂L/∂x = (∂L/∂p ∘ f'(u))·D`, where
  /// tanh' is 1 − p².
  ///
  /// - Parameters:
  ///   - pooled: What the forward pass wrote there.
  ///   - dPooled: Room for `rows` states.
  ///   - gradients: Gets what is added to the head's own gradients, if given.
  func backward(
    _ x: UnsafePointer<Float>, dz: UnsafePointer<Float>, rows: Int,
    pooled: UnsafePointer<Float>, dPooled: UnsafeMutablePointer<Float>,
    gradients: ClassGradients?, into dx: UnsafeMutablePointer<Float>
  ) {
    gradients?.add(.weight, dz, columns: head.count, dense == nil ? x : pooled, rows: rows, size)
    guard let dense else {
      return BLAS.gemm(
        rows: rows, columns: size, inner: head.count, dz, weight.pointer, dx)
    }
    BLAS.gemm(rows: rows, columns: size, inner: head.count, dz, weight.pointer, dPooled)
    let count = rows * size
    switch head.form.function {
    case .tanh: for index in 0..<count { dPooled[index] *= 1 - pooled[index] * pooled[index] }
    case .gelu: activation_gelu_gradient(pooled + count, dPooled, count, dPooled)
    }
    gradients?.add(.dense, dPooled, columns: size, x, rows: rows, size)
    BLAS.gemm(rows: rows, columns: size, inner: size, dPooled, dense.pointer, dx)
  }

  // MARK: - Training

  /// Whether a head for classes has a dense layer of its own that trains with it.
  private var trainsDense: Bool { head.form.dense == .head }

  /// What trains: `W`, `b` `[1, classes]` where there is one, and of a dense layer of the head's own `D` and `e` `[1, d]`.
  public var parameters: [Matrix<Float>] {
    get {
      var list = [weight.matrix(rows: head.count, columns: size)]
      if let bias { list.append(bias.matrix(rows: 1, columns: head.count)) }
      if trainsDense, let dense, let denseBias {
        list += [dense.matrix(rows: size, columns: size), denseBias.matrix(rows: 1, columns: size)]
      }
      return list
    }
    set {
      let buffers = [weight, bias] + (trainsDense ? [dense, denseBias] : [])
      let present = buffers.compactMap(\.self)
      precondition(present.count == newValue.count)
      for (buffer, matrix) in zip(present, newValue) { buffer.copy(matrix.elements, at: 0) }
    }
  }

  /// Gradients of ``parameters``, in their order, from what passes have added.
  public func gradients(_ sums: ClassGradients) -> [Matrix<Float>] {
    var list = [sums.matrix(.weight, rows: head.count, columns: size)]
    if bias != nil { list.append(sums.row(.weight, columns: head.count)) }
    if trainsDense {
      list += [sums.matrix(.dense, rows: size, columns: size), sums.row(.dense, columns: size)]
    }
    return list
  }
}

/// Sums of gradients of a head's own numbers over the positions of one pass.
///
/// One caller uses it at a time.
public final class ClassGradients {
  enum Layer: Hashable { case weight, dense }

  private var matrices: [Layer: FloatBuffer] = [:]
  private var rows: [Layer: FloatBuffer] = [:]

  /// No gradients yet.
  public init() {}

  /// Adds `dyᵀ·x` and the column sums of `dy` `[rows, columns]`; `x` `[rows, size]`.
  func add(
    _ layer: Layer, _ dy: UnsafePointer<Float>, columns: Int, _ x: UnsafePointer<Float>,
    rows count: Int, _ size: Int
  ) {
    let matrix = matrices[layer] ?? FloatBuffer(count: columns * size)
    matrices[layer] = matrix
    BLAS.gemm(
      transposeA: true, rows: columns, columns: size, inner: count, dy, x, beta: 1,
      matrix.pointer)
    let row = rows[layer] ?? FloatBuffer(count: columns)
    rows[layer] = row
    for token in 0..<count {
      for index in 0..<columns { row.pointer[index] += dy[token * columns + index] }
    }
  }

  func matrix(_ layer: Layer, rows: Int, columns: Int) -> Matrix<Float> {
    matrices[layer]?.matrix(rows: rows, columns: columns) ?? Matrix(rows: rows, columns: columns)
  }

  func row(_ layer: Layer, columns: Int) -> Matrix<Float> {
    rows[layer]?.matrix(rows: 1, columns: columns) ?? Matrix(rows: 1, columns: columns)
  }
}
