/// A head that answers with one of several classes for a whole text or pair of texts, or with a number.
///
/// With `x` `[d]` the state of one token behind the last block, `W` `[classes, d]` and `D` `[d, d]`:
///
///     z = W·x + b                    without a dense layer
///     z = W·f(D·x + e) + b           with one
///
/// Of several classes z are logits, of one the number itself (Transformers' `…ForSequenceClassification`).
public struct ClassHead: Sendable, Hashable {
  /// What the heads of a family have in common.
  public struct Form: Sendable, Hashable {
    /// Whose state is read.
    public enum Pooling: Sendable, Hashable {
      case first, last
    }

    /// Whom the dense layer belongs to.
    public enum Dense: Sendable, Hashable {
      /// The model: it stays when another head is put on (BERT's pooler).
      case base
      /// The head, which is trained and saved with it (RoBERTa).
      case head
    }

    /// What follows the dense layer.
    public enum Function: Sendable, Hashable {
      case tanh
      /// ½·x·(1 + erf(x/√2)).
      case gelu
    }

    /// Whose state is read.
    public let pooling: Pooling
    /// The dense layer; nil for none.
    public let dense: Dense?
    /// What follows it.
    public var function = Function.tanh
    /// Whether logits have a bias.
    public let hasBias: Bool

    /// The same with the dense layer trained and saved with the head.
    var withOwnDense: Form {
      Form(pooling: pooling, dense: .head, function: function, hasBias: hasBias)
    }

    /// The heads of decoders: `score` on the last token, the one that has seen all others.
    static let ofDecoders = Form(pooling: .last, dense: nil, hasBias: false)
  }

  /// What the heads of its family have in common.
  public let form: Form
  /// The names of its classes.
  public let names: [String]

  /// A head of named classes.
  public init(form: Form, names: [String]) {
    self.form = form
    self.names = names
  }

  /// Numbers that it answers with.
  public var count: Int { names.count }

  /// Whether it answers with a number.
  public var isRegression: Bool { count == 1 }

  /// The names that Transformers gives to `count` classes without any.
  public static func defaultNames(_ count: Int) -> [String] { (0..<count).map { "LABEL_\($0)" } }
}

extension DecoderConfiguration {
  /// The modules of the family's heads for classes: what training of one saves whole.
  public var classModules: [String] {
    guard let form = classForm else { return [] }
    let roles: [TensorRole] = form.dense == .head ? [.pooler, .classes] : [.classes]
    return roles.compactMap { names.module($0) }
  }

  /// Whether it has any head.
  public var answers: Bool { hasLanguageHead || classHead != nil }

  /// The same model with another head, or with one where it has none.
  public func with(_ head: ClassHead) -> DecoderConfiguration {
    var model = self
    model.classHead = head
    return model
  }
}
