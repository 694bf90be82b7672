/// One block of a decoder or an encoder: what is computed between two states of the residual stream.
///
/// With `a` attention, `f` feed-forward, `n` norms and `r` the residual scale:
///
///     pre        h = x + r·a(n(x))      y = h + r·f(n(h))
///     post       h = x + r·n(a(x))      y = h + r·n(f(h))
///     postSum    h = n(x + a(x))        y = n(h + f(h))
///     sandwich   h = x + r·n(a(n(x)))   y = h + r·n(f(n(h)))
///     parallel   y = x + r·a(n(x)) + r·f(n(x))
public struct Block: Sendable, Hashable {
  /// Where the norms stand.
  public enum Placement: Sendable, Hashable {
    /// Before attention and before the feed-forward layer.
    case pre
    /// Behind both.
    case post
    /// Behind both sums, as in the first Transformer; the residual scale is 1.
    case postSum
    /// Before and behind both.
    case sandwich
    /// Before both, which read the same state; with one norm for both where `sharedNorm`.
    case parallel(sharedNorm: Bool)
  }

  /// Queries, keys, values and what follows from them.
  public struct Attention: Sendable, Hashable {
    /// How the rows of queries, keys and values are stored.
    public enum Packing: Sendable, Hashable {
      /// Three modules.
      case separate
      /// One module: all queries, all keys, all values.
      case stacked
      /// One module: of each key-value head in turn its queries, its key and its value.
      case byGroup
    }

    /// What a norm of queries and keys spans.
    public enum HeadNorm: Sendable, Hashable {
      /// Each head, with one weight for all.
      case head
      /// Each head, with a weight of its own.
      case eachHead
      /// All heads together.
      case projection
    }

    /// Which tokens of its sequence a token sees.
    public enum Mask: Sendable, Hashable {
      /// Itself and those before it.
      case causal
      /// All of them.
      case full
    }

    /// Query heads.
    public var headCount: Int
    /// Divides ``headCount``.
    public var keyValueHeadCount: Int
    /// Columns of one head.
    public var headDimension: Int
    /// How the rows are stored.
    public var packing: Packing = .separate
    /// Norm of queries and keys before they turn.
    public var headNorm: HeadNorm?
    /// Which tokens a token sees.
    public var mask = Mask.causal
    /// Nil where positions do not enter here by turning.
    public var rotary: Rotary?
    /// Nil where distances have no embeddings.
    public var relative: RelativePositions?
    /// How many positions a token sees, its own included; nil for all before it.
    public var window: Int?
    /// Multiplies q·k.
    public var scale: Double
    /// Scores s become cap·tanh(s/cap).
    public var cap: Double?

    /// Columns of the heads in the product.
    public var columns: HeadColumns {
      packing == .byGroup
        ? .byGroup(heads: headCount, keyValueHeads: keyValueHeadCount, dimension: headDimension)
        : .stacked(
          heads: headCount, keyValueHeads: keyValueHeadCount, dimension: headDimension)
    }

    /// Columns of the attention's output.
    public var queryWidth: Int { headCount * headDimension }
    /// Columns of all keys, or all values.
    public var keyValueWidth: Int { keyValueHeadCount * headDimension }
  }

  /// The feed-forward layer: down(act(gate(x)) ∘ up(x)), or down(act(up(x))).
  public struct FeedForward: Sendable, Hashable {
    /// How the rows of its first product are stored.
    public enum Packing: Sendable, Hashable {
      /// A gate and an up module.
      case gated
      /// One module: rows of the gate, then of up.
      case fused
      /// No gate.
      case plain
    }

    /// Columns of `down`; 0 where a block has nothing but experts.
    public var size: Int
    /// How the rows are stored.
    public var packing: Packing = .gated
    /// The function in between.
    public var activation: Activation

    /// Columns of the first product.
    public var wide: Int { packing == .plain ? size : 2 * size }
  }

  /// Feed-forward layers of which each token goes through a few.
  ///
  /// With p the softmax of all scores R·x and S the largest of them, f(x) = Σ_S w_i·f_i(x), w = p or p/Σ_S p. One that all tokens
  /// go to, with σ(s·x) for w, is the block's ``feedForward``.
  public struct Experts: Sendable, Hashable {
    /// How many there are.
    public var count: Int
    /// How many a token goes to.
    public var used: Int
    /// Whether the weights of a token add up to 1.
    public var normalizes: Bool
    /// What each computes.
    public var feedForward: FeedForward
  }

  /// The products of a block, each one matrix for the kernels.
  public enum Product: Sendable, Hashable {
    case gateUp, queryKeyValue, down, output
    /// Scores of all experts, and of the gate of the shared one.
    case router
    case expertGateUp(Int), expertDown(Int)
  }

  /// Where the norms stand.
  public var placement: Placement = .pre
  /// All norms of the residual stream.
  public var norm: Norm
  /// Queries, keys, values and what follows.
  public var attention: Attention
  /// The feed-forward layer; beside ``experts`` the shared one.
  public var feedForward: FeedForward
  /// Nil where all tokens go through one feed-forward layer.
  public var experts: Experts?
  /// Multiplies what is added to the residual stream.
  public var residualScale: Double = 1

  /// The block's products.
  public var products: [Product] {
    // Large ones first, so that the last thread is not left with one.
    let shared: [Product] = [.gateUp, .queryKeyValue, .down, .output]
    guard let experts else { return shared }
    return shared.filter { !kinds(of: $0).isEmpty }
      + (0..<experts.count).flatMap { [.expertGateUp($0), .expertDown($0)] } + [.router]
  }

  /// The modules whose rows are stacked into a product, in this order.
  public func kinds(of product: Product) -> [LinearKind] {
    switch product {
    case .queryKeyValue:
      attention.packing == .separate ? [.query, .key, .value] : [.queryKeyValue]
    case .output: [.output]
    case .gateUp where feedForward.size == 0, .down where feedForward.size == 0: []
    case .gateUp:
      switch feedForward.packing {
      case .gated: [.gate, .up]
      case .fused: [.gateUp]
      case .plain: [.up]
      }
    case .down: [.down]
    case .router: []
    case .expertGateUp(let number): [.expert(number, .gate), .expert(number, .up)]
    case .expertDown(let number): [.expert(number, .down)]
    }
  }

  /// The block's linear modules.
  public var kinds: [LinearKind] {
    [.queryKeyValue, .output, .gateUp, .down].flatMap(kinds)
      + (0..<(experts?.count ?? 0)).flatMap {
        kinds(of: .expertGateUp($0)) + kinds(of: .expertDown($0))
      }
  }

  /// The module that stands for the inputs of `kind`, which modules of one product share.
  public func inputOwner(_ kind: LinearKind) -> LinearKind {
    if case .expert(let number, .up) = kind { return .expert(number, .gate) }
    for product: Product in [.queryKeyValue, .gateUp] {
      let kinds = kinds(of: product)
      if kinds.contains(kind) { return kinds[0] }
    }
    return kind
  }

  /// How many tokens there are to one that a module is given, where they go to all experts alike.
  public func tokensPerInput(_ kind: LinearKind) -> Double {
    guard case .expert = kind, let experts else { return 1 }
    return Double(experts.count) / Double(experts.used)
  }

  /// Rows and columns of a module's weight.
  public func shape(of kind: LinearKind, hiddenSize: Int) -> (outFeatures: Int, inFeatures: Int) {
    switch kind {
    case .query: (attention.queryWidth, hiddenSize)
    case .key, .value: (attention.keyValueWidth, hiddenSize)
    case .queryKeyValue: (attention.columns.width, hiddenSize)
    case .output: (hiddenSize, attention.queryWidth)
    case .gate, .up: (feedForward.size, hiddenSize)
    case .gateUp: (2 * feedForward.size, hiddenSize)
    case .down: (hiddenSize, feedForward.size)
    case .expert(_, .gate), .expert(_, .up): (experts?.feedForward.size ?? 0, hiddenSize)
    case .expert(_, .down): (hiddenSize, experts?.feedForward.size ?? 0)
    }
  }

  /// A norm of the block: those of queries and keys have no bias.
  public func norm(_ role: TensorRole) -> Norm {
    var norm = norm
    if role == .queryNorm || role == .keyNorm { norm.hasBias = false }
    return norm
  }

  /// The norms of the block, how many values each has, and for how many heads there is one of its own.
  public func norms(hiddenSize: Int) -> [(role: TensorRole, size: Int, heads: Int)] {
    var roles: [TensorRole] =
      switch placement {
      case .pre, .parallel(sharedNorm: false): [.attentionNorm, .feedForwardNorm]
      case .post, .postSum: [.attentionPostNorm, .feedForwardPostNorm]
      case .sandwich:
        [.attentionNorm, .attentionPostNorm, .feedForwardNorm, .feedForwardPostNorm]
      case .parallel(sharedNorm: true): [.attentionNorm]
      }
    var list = roles.map { ($0, hiddenSize, 1) }
    roles = [.queryNorm, .keyNorm]
    switch attention.headNorm {
    case .head: list += roles.map { ($0, attention.headDimension, 1) }
    case .eachHead:
      let counts = [attention.headCount, attention.keyValueHeadCount]
      list += zip(roles, counts).map { ($0, attention.headDimension, $1) }
    case .projection:
      list += [(.queryNorm, attention.queryWidth, 1), (.keyNorm, attention.keyValueWidth, 1)]
    case nil: break
    }
    return list
  }
}
