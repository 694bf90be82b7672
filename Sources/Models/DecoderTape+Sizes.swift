import Checkpoints

extension DecoderTape {
  /// Numbers of a token in the buffers whose sizes may differ from block to block: some may have experts.
  struct Sizes {
    let gateUp, activation, routes, expertGateUp: Int

    /// Those of a block.
    init(_ block: Block) {
      gateUp = block.feedForward.wide
      activation = block.feedForward.size
      routes = block.routeCount
      expertGateUp = block.experts.map { $0.used * $0.feedForward.wide } ?? 0
    }

    /// Those that are large enough for any of `blocks`.
    init(largestOf blocks: [Block]) {
      let sizes = blocks.map { Sizes($0) }
      gateUp = sizes.map(\.gateUp).max() ?? 0
      activation = sizes.map(\.activation).max() ?? 0
      routes = sizes.map(\.routes).max() ?? 0
      expertGateUp = sizes.map(\.expertGateUp).max() ?? 0
    }
  }
}
