internal import Faults

/// Text to token ids and back (`formats/tokenizers.md`).
///
/// Text is cut at added tokens, normalised, split into words, and each word becomes pieces of the vocabulary. All
/// tables are keyed by bytes: Swift strings would take tokens that are canonically equivalent for one.
public struct Tokenizer: Sendable {
  /// Number of tokens.
  public var vocabularyCount: Int { tokenBytes.count }
  /// Id of the beginning-of-sequence token, where the model has one.
  public let beginOfSequence: Int32?
  /// Id of the end-of-sequence token, where the model has one.
  public let endOfSequence: Int32?
  /// Ids that end what the model writes: ``endOfSequence`` and others, such as the end of a turn.
  public let ends: Set<Int32>
  /// Whether ``encode(_:addSpecial:continues:)`` with `addSpecial` begins with ``beginOfSequence``.
  public var addsBeginOfSequence: Bool {
    beginOfSequence != nil && template.prefix.first == beginOfSequence
  }

  private let normalizers: [Normalizer]
  private let splitter: [SplitStep]
  private let subword: Subword
  private let template: Template
  private let decoder: TokenDecoder
  private let rawTokens: AddedTokens
  private let normalizedTokens: AddedTokens
  private let tokenBytes: [[UInt8]]
  /// Tokens that are literal text.
  private let addedIDs: Set<Int32>

  init(_ description: TokenizerDescription) throws(Fault) {
    beginOfSequence = description.beginOfSequence
    endOfSequence = description.endOfSequence
    ends = Set([description.endOfSequence].compactMap(\.self) + description.otherEnds)
    normalizers = description.normalizers
    splitter = description.splitter
    subword = try description.subword()
    template = description.template
    let decoder = description.decoder
    self.decoder = decoder
    let added = Set(description.added.map(\.id))
    addedIDs = added
    tokenBytes = description.tokens.enumerated().map { index, token in
      guard let token else { return [] }
      return added.contains(Int32(clamping: index)) ? token : decoder.bytes(of: token)
    }
    rawTokens = AddedTokens(description.added.filter { !$0.isNormalized }) { $0.content }
    // The original library normalises their texts as it does what they are looked for in.
    normalizedTokens = AddedTokens(description.added.filter(\.isNormalized)) {
      description.normalized($0.content)
    }
  }

  // MARK: - Encoding

  /// The ids of a text.
  ///
  /// - Parameters:
  ///   - text: Any text; special tokens written in it are recognised.
  ///   - addSpecial: Whether to add what the model puts around a text, such as a beginning token.
  ///   - continues: Whether another text comes before this one, so that it gets no space in front where the model puts
  ///     one before every text.
  public func encode(
    _ text: String, addSpecial: Bool = false, continues: Bool = false
  ) -> [Int32] {
    var ids: [Int32] = []
    var scratch = Subword.Scratch()
    for part in addSpecial ? template.single : Template.none.single {
      switch part {
      case .tokens(let tokens, _): ids += tokens
      case .text: append(text, continues: continues, &scratch, to: &ids)
      }
    }
    return ids
  }

  /// The ids of a prompt, which goes on: with what the model puts in front of a text, and not with what it puts behind one.
  public func encode(prompt text: String) -> [Int32] {
    var ids: [Int32] = []
    var scratch = Subword.Scratch()
    for part in template.single {
      switch part {
      case .tokens(let tokens, _): ids += tokens
      case .text:
        append(text, continues: false, &scratch, to: &ids)
        return ids
      }
    }
    return ids
  }

  /// One text, or two that belong together, with types.
  ///
  /// - Parameters:
  ///   - text: The first text.
  ///   - second: The second, such as a hypothesis after its premise.
  ///   - addSpecial: Whether to add what the model puts around them.
  public func encode(
    _ text: String, pairedWith second: String?, addSpecial: Bool = true
  ) -> TokenizedText {
    var result = TokenizedText()
    var scratch = Subword.Scratch()
    for part in second == nil ? template.single : template.pair {
      switch part {
      case .tokens(let tokens, let type): if addSpecial { result.append(tokens, type: type) }
      case .text(let isSecond, let type):
        var ids: [Int32] = []
        append(isSecond ? second ?? "" : text, continues: false, &scratch, to: &ids)
        result.append(ids, type: type)
      }
    }
    return result
  }

  /// A text as it is when normalised added tokens are looked for in it; what it is split and cut into is as exact.
  package func normalized(_ text: String) -> [UInt8] {
    var text = NormalizedText(bytes: Array(text.utf8), isFirst: true, continues: false)
    for normalizer in normalizers { normalizer.apply(to: &text) }
    return text.bytes
  }

  private func append(
    _ text: String, continues: Bool, _ scratch: inout Subword.Scratch, to ids: inout [Int32]
  ) {
    let bytes = Array(text.utf8)
    for piece in rawTokens.pieces(of: bytes) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isFirst = range.lowerBound == 0
        let text = NormalizedText(
          bytes: isFirst && range.upperBound == bytes.count ? bytes : Array(bytes[range]),
          isFirst: isFirst, continues: continues && isFirst)
        append(text, &scratch, to: &ids)
      }
    }
  }

  /// Text between raw added tokens: cut at normalised added tokens, then split into words.
  private func append(
    _ text: NormalizedText, _ scratch: inout Subword.Scratch, to ids: inout [Int32]
  ) {
    var text = text
    for normalizer in normalizers { normalizer.apply(to: &text) }
    for piece in normalizedTokens.pieces(of: text.bytes) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isFirst = range.lowerBound == 0
        let isWhole = isFirst && range.upperBound == text.bytes.count
        let bytes = isWhole ? text.bytes : Array(text.bytes[range])
        if splitter.isEmpty {
          subword.encode(bytes[...], &scratch, into: &ids)
          continue
        }
        var words = SplitText(
          bytes, isFirst: isFirst && text.isFirst, continues: isFirst && text.continues)
        words.apply(splitter)
        for word in words.pieces {
          subword.encode(words.buffer.slice(word), &scratch, into: &ids)
        }
      }
    }
  }

  // MARK: - Decoding

  /// The bytes of a sequence of ids, which need not be whole UTF-8; unknown ids give nothing.
  ///
  /// - Parameter isWhole: Whether the ids are of a whole text and not of what follows another: then the space that
  ///   ``encode(_:addSpecial:continues:)`` puts in front is taken away.
  public func decode(_ ids: [Int32], isWhole: Bool = false) -> [UInt8] {
    if case .wordPiece(let prefix, let cleansUp) = decoder {
      return decodeWords(ids, prefix, cleansUp: cleansUp)
    }
    var result: [UInt8] = []
    var putsInFront = TokenDecoder.PutInFront.never
    if case .spaced(_, let place) = decoder, isWhole { putsInFront = place }
    var mayBeginWithSpace = putsInFront != .never
    for id in ids where tokenBytes.indices.contains(Int(id)) {
      let isAdded = addedIDs.contains(id)
      var bytes = tokenBytes[Int(id)][...]
      if mayBeginWithSpace, !isAdded, bytes.first == 0x20 { bytes = bytes.dropFirst() }
      result += bytes
      mayBeginWithSpace = isAdded && putsInFront == .ofEveryPiece
    }
    return result
  }

  /// Words with spaces between them.
  private func decodeWords(_ ids: [Int32], _ prefix: [UInt8], cleansUp: Bool) -> [UInt8] {
    var result: [UInt8] = []
    var isFirst = true
    for id in ids where tokenBytes.indices.contains(Int(id)) {
      let token = tokenBytes[Int(id)]
      let goesOn = !isFirst && !prefix.isEmpty && token.starts(with: prefix)
      let bytes = goesOn ? Array(token.dropFirst(prefix.count)) : (isFirst ? [] : [0x20]) + token
      result += cleansUp ? TokenDecoder.cleaned(bytes) : bytes
      isFirst = false
    }
    return result
  }
}
