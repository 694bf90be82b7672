import Checkpoints
import Dispatch
import Faults
import LinearAlgebra
import Synchronization
import Tensors

/// The blocks of a decoder, left on disk and decoded when they are asked for; one is kept.
///
/// Decoders on several threads come to a block at about the same time. Whoever finds it being decoded takes one of
/// its matrices, so that all leave it together, and a pass decodes a block once, however many threads run it.
final class LayerStream: Sendable {
  private let configuration: DecoderConfiguration
  private let vectors: [LayerWeights.Vectors]
  private let source: RowSource
  private let current = Mutex<PendingLayer?>(nil)

  /// The blocks of a model, whose norms and biases are held.
  init(
    _ configuration: DecoderConfiguration, vectors: [LayerWeights.Vectors],
    source: RowSource
  ) {
    self.configuration = configuration
    self.vectors = vectors
    self.source = source
  }

  /// A block, decoded and laid out; its memory is given back when nobody uses it and another is asked for.
  ///
  /// - Throws: what decoding throws.
  func layer(_ use: LayerWeights.Use) throws(Fault) -> LayerWeights {
    let pending = current.withLock { current in
      if let current, current.use.serves(use) { return current }
      let pending = PendingLayer(use, configuration, source)
      current = pending
      return pending
    }
    return LayerWeights(
      shape: configuration.block(use.layer), vectors: vectors[use.layer],
      matrices: try pending.parts())
  }

  /// A block, decoded to be held for products of `orders` in `precision`.
  func decoded(
    _ index: Int, for orders: Set<FrozenMatrix.Order> = [.forward],
    in precision: ProductPrecision = .float32
  ) throws(Fault) -> LayerWeights {
    var matrices: [FrozenMatrix] = []
    let shape = configuration.block(index)
    for product in shape.products {
      matrices.append(
        try product.load(index, configuration, for: orders, in: precision, source.read))
    }
    return LayerWeights(shape: shape, vectors: vectors[index], matrices: matrices)
  }

  /// Lets go of the block that was last asked for.
  func forget() { current.withLock { $0 = nil } }

  /// Bytes of the largest block, laid out for one order of products; rows that are being decoded take little.
  static func byteCount(_ configuration: DecoderConfiguration) -> Int {
    let sizes = configuration.blocks.enumerated().map { layer, block in
      block.products.reduce(0) { sum, product in
        product.weights(layer, configuration).reduce(sum) { $0 + $1.rows * $1.columns }
      }
    }
    return MemoryLayout<Float>.size * (sizes.max() ?? 0)
  }
}

/// A block whose matrices are being decoded by whoever asks for it.
private final class PendingLayer: Sendable {
  let use: LayerWeights.Use
  private let configuration: DecoderConfiguration
  private let products: [Block.Product]
  private let source: RowSource
  private let state: Mutex<State>
  private let remaining = DispatchGroup()

  private struct State {
    var next = 0
    var parts: [FrozenMatrix?]
    var fault: Fault?
  }

  init(
    _ use: LayerWeights.Use, _ configuration: DecoderConfiguration,
    _ source: RowSource
  ) {
    self.use = use
    self.configuration = configuration
    self.source = source
    products = configuration.block(use.layer).products
    state = Mutex(State(parts: Array(repeating: nil, count: products.count)))
    for _ in products { remaining.enter() }
  }

  /// Decodes what nobody has begun, and waits for the rest.
  func parts() throws(Fault) -> [FrozenMatrix] {
    while let part = take() {
      let result: Result<FrozenMatrix, Fault>
      do throws(Fault) {
        result = .success(try load(products[part]))
      } catch {
        result = .failure(error)
      }
      state.withLock { state in
        switch result {
        case .success(let matrix): state.parts[part] = matrix
        case .failure(let fault): state.fault = state.fault ?? fault
        }
      }
      remaining.leave()
    }
    remaining.wait()
    let (parts, fault) = state.withLock { ($0.parts.compactMap(\.self), $0.fault) }
    if let fault { throw fault }
    return parts
  }

  private func take() -> Int? {
    state.withLock { state in
      guard state.next < products.count else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }

  private func load(_ part: Block.Product) throws(Fault) -> FrozenMatrix {
    try part.load(use.layer, configuration, for: use.orders, in: use.precision, source.read)
  }
}
