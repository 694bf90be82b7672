import Checkpoints
public import Faults
import LinearAlgebra
public import Tensors
import Threads

/// Forward and backward passes.
extension DecoderPool {
  /// Batches whose gradients belong together, and what their losses have in common.
  public struct Group<State: Sendable>: Sendable {
    /// The batches, in the order in which their losses are taken.
    public var batches: [TokenBatch]
    /// What losses read and change.
    public var state: State
    /// Keeps inputs and output gradients of every module, if given: the batches are the parts of its own.
    public var curvature: CurvatureAccumulator?

    /// A group of `batches`.
    public init(_ batches: [TokenBatch], state: State, curvature: CurvatureAccumulator? = nil) {
      self.batches = batches
      self.state = state
      self.curvature = curvature
    }
  }

  /// Tokens that go through a block together, there and back.
  private static let recordedTokens = 2048

  /// Passes of the batches of every group, there and back.
  ///
  /// Where the blocks are held, batch after batch, several groups at once. Where they are decoded for it, as many groups as may
  /// keep what they need go through each of them before the next is decoded, and come back likewise; with the same results.
  ///
  /// - Parameters:
  ///   - trainsFactors: Whether gradients of trained columns of factors are wanted too.
  ///   - loss: The gradient of a loss with respect to the batch's final-normed hidden states, `[P, d]`; called in the order of
  ///     a group's batches.
  ///   - done: Called when a batch is back.
  /// - Returns: What each group's state came to, and the gradients of its batches.
  /// - Throws: as ``map(_:_:)``; what reading a block and keeping rows throws.
  public func gradients<State: Sendable>(
    _ groups: [Group<State>], trainsFactors: Bool = false,
    loss:
      @Sendable (
        _ state: inout State, _ group: Int, _ batch: Int, _ decoder: Decoder,
        _ hidden: Matrix<Float>
      ) throws(Fault) -> Matrix<Float>,
    done: @Sendable (_ group: Int, _ batch: Int) -> Void = { _, _ in }
  ) throws(Fault) -> [(state: State, gradients: [PassGradients])] {
    guard !weights.holds(precision) else {
      return try map(groups.count) { (number, decoder) throws(Fault) in
        let group = groups[number]
        var (state, gradients): (State, [PassGradients]) = (group.state, [])
        for (index, batch) in group.batches.enumerated() {
          let hidden = try decoder.forward(
            batch, recording: true, inputs: trainsFactors || group.curvature != nil)
          let gradient = try loss(&state, number, index, decoder, hidden)
          let factors = trainsFactors ? FactorGradients() : nil
          let latents = try decoder.backward(
            gradient, curvature: group.curvature, factors: factors)
          gradients.append(PassGradients(latents, factors, decoder.updates))
          done(number, index)
        }
        return (state, gradients)
      }
    }
    var results: [(state: State, gradients: [PassGradients])] = []
    let (keeping, windows) = plan(groups, trainsFactors: trainsFactors)
    for window in windows {
      results += try blockByBlock(
        Array(groups[window]), keeping, trainsFactors: trainsFactors
      ) { (state, group, batch, decoder, hidden) throws(Fault) in
        try loss(&state, window.lowerBound + group, batch, decoder, hidden)
      }
      for group in window { for batch in groups[group].batches.indices { done(group, batch) } }
    }
    return results
  }

  /// What is kept on the way, and which groups go together.
  private func plan<State>(
    _ groups: [Group<State>], trainsFactors: Bool
  ) -> (PassingBatch.Keeping, [Range<Int>]) {
    let keepsInputs = trainsFactors || groups.contains { $0.curvature != nil }
    func bytes(_ group: Group<State>, _ keeping: PassingBatch.Keeping) -> Int {
      lend { decoder in
        group.batches.reduce(0) { $0 + decoder.byteCount(of: $1, keeping: keeping) }
      }
    }
    let limit = weights.passByteCount ?? .max
    var keeping = PassingBatch.Keeping.everything(inputs: keepsInputs)
    if recomputes || groups.contains(where: { bytes($0, keeping) > limit }) { keeping = .states }
    var windows: [Range<Int>] = []
    var (tokens, used) = (0, 0)
    for (index, group) in groups.enumerated() {
      let count = group.batches.reduce(0) { $0 + $1.tokens.count }
      let need = bytes(group, keeping)
      (tokens, used) = (tokens + count, used + need)
      if let last = windows.last, tokens <= DecoderPool.recordedTokens, used <= limit {
        windows[windows.count - 1] = last.lowerBound..<index + 1
      } else {
        windows.append(index..<index + 1)
        (tokens, used) = (count, need)
      }
    }
    return (keeping, windows)
  }

  private func blockByBlock<State: Sendable>(
    _ groups: [Group<State>], _ keeping: PassingBatch.Keeping, trainsFactors: Bool,
    _ loss:
      @Sendable (inout State, Int, Int, Decoder, Matrix<Float>) throws(Fault) -> Matrix<Float>
  ) throws(Fault) -> [(state: State, gradients: [PassGradients])] {
    let places = groups.indices.flatMap { group in
      groups[group].batches.indices.map { (group: group, batch: $0) }
    }
    let passing = try map(places.count) { (place, decoder) throws(Fault) in
      try decoder.enter(
        groups[places[place].group].batches[places[place].batch], keeping: keeping,
        factors: trainsFactors ? FactorGradients() : nil)
    }
    try forward(passing)
    var next = 0
    let parts = groups.map { group in
      defer { next += group.batches.count }
      return Array(passing[next..<next + group.batches.count])
    }
    let states = try map(groups.count) { (group, decoder) throws(Fault) in
      var state = groups[group].state
      for (index, part) in parts[group].enumerated() {
        decoder.turn(part, try loss(&state, group, index, decoder, decoder.leave(part)))
      }
      return state
    }
    // Sums of a group's tokens are taken in the order of its batches.
    let turns: [(parts: [PassingBatch], curvature: CurvatureAccumulator?)] =
      groups.contains { $0.curvature != nil }
      ? zip(parts, groups).map { ($0, $1.curvature) } : passing.map { ([$0], nil) }
    let orders = lend { $0.backwardOrders(recomputes: keeping == .states) }
    for index in weights.shapes.indices.reversed() {
      try withBlock(index, orders) { (block) throws(Fault) in
        _ = try map(turns.count) { (turn, decoder) throws(Fault) in
          let (parts, curvature) = turns[turn]
          curvature?.restart()
          for part in parts {
            curvature?.begin(tokens: part.batch.tokens.count)
            try decoder.takeBack(part, through: index, block, curvature: curvature)
          }
        }
      }
    }
    return zip(states, parts).map { state, parts in
      (state, lend { decoder in parts.map { decoder.gradients(of: $0) } })
    }
  }
}
