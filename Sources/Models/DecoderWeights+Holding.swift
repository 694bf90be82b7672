import Checkpoints
public import Faults
public import LinearAlgebra
import Synchronization
import Threads

/// Which layouts of the blocks are in memory: those that the work at hand multiplies with, the others as they are needed.
extension DecoderWeights {
  /// Holds the blocks for products in `precision`, and not for others: a pass in Float32 then decodes them.
  ///
  /// What steps in bfloat16 hold is as large as the values in Float32. Blocks that are on disk stay there, and what cannot be
  /// decoded again stays in Float32. No pass may be running.
  ///
  /// - Throws: what decoding throws, after which blocks are decoded at every pass; `RUN-STOPPED`.
  public func hold(_ precision: ProductPrecision, threads: Int) throws(Fault) {
    try holdHead(precision)
    // Of one kind and the other there are never both: what is let go of can be decoded again.
    let stream = blocks.withLock { blocks -> LayerStream? in
      switch (blocks, precision) {
      case (.held(_, let stream?), .bfloat16), (.rounded(_, let stream), .float32):
        blocks = .streamed(stream)
        return stream
      default: return nil
      }
    }
    guard let stream else {
      if precision == .bfloat16, holds(.float32) { dropFloatBackward() }
      return
    }
    let layers = try parallelMap(shapes.count, threads: threads) { (index) throws(Fault) in
      precision == .bfloat16
        ? try stream.decoded(index, for: [.forward, .backward], in: .bfloat16)
        : try stream.decoded(index)
    }
    blocks.withLock {
      $0 = precision == .bfloat16 ? .rounded(layers, stream) : .held(layers, stream)
    }
    ProcessMemory.giveBack()
  }

  /// Holds the head for products in `precision` alone; where its values, or those of embeddings that are the same matrix,
  /// could not be read again, in Float32 too.
  private func holdHead(_ precision: ProductPrecision) throws(Fault) {
    try prepareHead(for: precision)
    guard let head else { return }
    guard precision == .bfloat16 else { return head.keep(.float32) }
    head.prepare([.forward, .backward], precision: .bfloat16)
    if headCanBeReadAgain { head.dropFloats() } else { head.drop(.backward) }
  }

  /// Whether nothing needs the head in Float32 between passes that multiply with it.
  private var headCanBeReadAgain: Bool {
    source != nil && (embedding?.matrix !== head || embedding?.isReadable == true)
  }

  /// Lets go of the head in Float32 after a pass in `precision`, where steps in bfloat16 go on without.
  func releaseHead(after precision: ProductPrecision) {
    guard precision == .float32, headCanBeReadAgain,
      case .rounded = blocks.withLock({ $0 })
    else { return }
    head?.dropFloats()
  }

  /// Gives the head what a pass in `precision` multiplies with, where that was let go of.
  ///
  /// - Throws: what decoding throws.
  func prepareHead(for precision: ProductPrecision) throws(Fault) {
    guard let head, let source, !head.serves(precision) else { return }
    let name =
      configuration.hasTiedEmbeddings ? configuration.embeddingName : configuration.headName
    try head.fill(laidOutFor: [.forward]) { (filling) throws(Fault) in
      try source.read(name, head.rows, head.columns) {
        (first, rows) throws(Fault) in filling.place(first, rows)
      }
    }
  }

  /// Whether passes in `precision` find the blocks in memory.
  func holds(_ precision: ProductPrecision) -> Bool {
    switch blocks.withLock({ $0 }) {
    case .held: true
    case .rounded: precision == .bfloat16
    case .streamed: false
    }
  }

  /// A block for a pass that multiplies in the given orders and precision; decoded where it is not held.
  ///
  /// - Throws: what decoding throws; `RUN-STOPPED` where the process is interrupted: between two blocks a pass can be given up.
  func layer(
    _ index: Int, _ orders: Set<FrozenMatrix.Order>, _ precision: ProductPrecision
  ) throws(Fault) -> LayerWeights {
    try Interruption.check()
    switch blocks.withLock({ $0 }) {
    case .rounded(let layers, _) where precision == .bfloat16: return layers[index]
    case .held(let layers, _): return layers[index]
    case .streamed(let stream), .rounded(_, let stream):
      return try stream.layer(
        LayerWeights.Use(layer: index, orders: orders, precision: precision))
    }
  }

  /// Lets go of the block that was decoded last.
  func forgetBlock() {
    switch blocks.withLock({ $0 }) {
    case .held(_, let stream): stream?.forget()
    case .streamed(let stream), .rounded(_, let stream): stream.forget()
    }
  }

  /// Lets go of what only backward passes in Float32 use; it is made again when one comes.
  public func dropFloatBackward() {
    head?.drop(.backward)
    guard case .held(let layers, _) = blocks.withLock({ $0 }) else { return }
    for layer in layers {
      for matrix in layer.products { matrix.drop(.backward) }
    }
  }

  /// Bytes of all matrices as they are held now, in whatever layouts.
  public var heldByteCount: Int {
    var matrices = [embedding?.matrix, positions, tokenTypes].compactMap(\.self)
    if let head, embedding?.matrix !== head { matrices.append(head) }
    switch blocks.withLock({ $0 }) {
    case .held(let layers, _), .rounded(let layers, _): matrices += layers.flatMap(\.products)
    case .streamed: break
    }
    let others = (patches?.count ?? 0) + (distances?.count ?? 0)
    return matrices.reduce(others * MemoryLayout<Float>.size) { $0 + $1.byteCount }
  }
}
