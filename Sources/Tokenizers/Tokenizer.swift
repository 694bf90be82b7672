internal import Faults
internal import Foundation

/// A byte-pair tokenizer, byte-level or in the manner of SentencePiece (`formats/tokenizers.md`).
///
/// Text is cut at added tokens, normalised where the model asks for it, split into words, and the
/// bytes or characters of each word are merged. All tables are keyed by bytes: Swift strings would take tokens that
/// are canonically equivalent for one.
public struct Tokenizer: Sendable {
  /// Number of tokens.
  public var vocabularyCount: Int { tokenBytes.count }
  /// Id of the beginning-of-sequence token, where the model has one.
  public let beginOfSequence: Int32?
  /// Id of the end-of-sequence token, where the model has one.
  public let endOfSequence: Int32?
  /// Whether ``encode(_:addSpecial:)`` with `addSpecial` begins with ``beginOfSequence``.
  public var addsBeginOfSequence: Bool { beginOfSequence != nil && prefix.first == beginOfSequence }
  /// The rule that splits text into words; nil for SentencePiece, which has none.
  public let preTokenizer: PreTokenizer?

  private let normalizesToNFC: Bool
  private let prefix: [Int32]
  private let suffix: [Int32]
  private let tokenBytes: [[UInt8]]
  private let byteTokens: [Int32]
  private let wholeWords: [[UInt8]: Int32]
  private let merges: BytePairMerges
  private let rawTokens: AddedTokens
  private let normalizedTokens: AddedTokens
  private let sentencePiece: SentencePiece?
  /// Tokens that are literal text.
  private let addedIDs: Set<Int32>

  init(_ parts: TokenizerParts) throws(Fault) {
    beginOfSequence = parts.beginOfSequence
    endOfSequence = parts.endOfSequence
    preTokenizer = parts.preTokenizer
    normalizesToNFC = parts.normalizesToNFC
    prefix = parts.prefix
    suffix = parts.suffix
    let vocabulary = try parts.vocabulary()
    tokenBytes = vocabulary.tokenBytes
    byteTokens = vocabulary.byteTokens
    wholeWords = parts.takesWholeWords ? vocabulary.wholeWords : [:]
    merges = vocabulary.merges
    rawTokens = vocabulary.rawTokens
    normalizedTokens = vocabulary.normalizedTokens
    sentencePiece = parts.sentencePiece.map { SentencePiece($0, tables: vocabulary) }
    addedIDs = Set(parts.added.map(\.id))
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
    let bytes = Array(text.utf8)
    var ids = addSpecial ? prefix : []
    for piece in rawTokens.pieces(of: bytes, in: 0..<bytes.count) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isFirst = range.lowerBound == 0
        if let sentencePiece {
          encode(
            bytes[range], sentencePiece, isFirst: isFirst, continues: continues && isFirst,
            into: &ids)
        } else {
          encode(normalized(bytes[range]), into: &ids)
        }
      }
    }
    if addSpecial { ids += suffix }
    return ids
  }

  /// Text between raw added tokens: cut at normalised added tokens, then split and merged.
  private func encode(_ bytes: [UInt8], into ids: inout [Int32]) {
    for piece in normalizedTokens.pieces(of: bytes, in: 0..<bytes.count) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        let text = ScalarBuffer(bytes[range])
        for word in preTokenizer?.words(of: text) ?? [] {
          let start = range.lowerBound + text.offsets[word.lowerBound]
          let end = range.lowerBound + text.offsets[word.upperBound]
          encodeWord(bytes[start..<end], into: &ids)
        }
      }
    }
  }

  private func encode(
    _ bytes: ArraySlice<UInt8>, _ sentencePiece: SentencePiece, isFirst: Bool, continues: Bool,
    into ids: inout [Int32]
  ) {
    let text = sentencePiece.normalized(bytes, continues: continues)
    for piece in normalizedTokens.pieces(of: text, in: 0..<text.count) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isFirst = isFirst && range.lowerBound == 0
        sentencePiece.encode(
          text[range], isFirst: isFirst, continues: continues && isFirst, into: &ids)
      }
    }
  }

  private func encodeWord(_ bytes: ArraySlice<UInt8>, into ids: inout [Int32]) {
    if !wholeWords.isEmpty, let id = wholeWords[Array(bytes)] {
      ids.append(id)
      return
    }
    // A byte without a token is dropped, as the original implementation does.
    var tokens = bytes.map { byteTokens[Int($0)] }.filter { $0 >= 0 }
    merges.merge(&tokens)
    ids += tokens
  }

  private func normalized(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    guard normalizesToNFC, bytes.contains(where: { $0 >= 0x80 }) else { return Array(bytes) }
    let text = String(decoding: bytes, as: UTF8.self)
    return Array(text.precomposedStringWithCanonicalMapping.utf8)
  }

  // MARK: - Decoding

  /// The bytes of a sequence of ids, which need not be whole UTF-8; unknown ids give nothing.
  ///
  /// - Parameter isWhole: Whether the ids are of a whole text and not of what follows another: then the space that
  ///   ``encode(_:addSpecial:continues:)`` puts in front is taken away.
  public func decode(_ ids: [Int32], isWhole: Bool = false) -> [UInt8] {
    var result: [UInt8] = []
    var mayBeginWithSpace = isWhole && sentencePiece.map { $0.prefix != .none } ?? false
    for id in ids where tokenBytes.indices.contains(Int(id)) {
      let isAdded = addedIDs.contains(id)
      var bytes = tokenBytes[Int(id)][...]
      if mayBeginWithSpace, !isAdded, bytes.first == 0x20 { bytes = bytes.dropFirst() }
      result += bytes
      // With a prefix for the beginning alone, there is none after an added token.
      mayBeginWithSpace = isWhole && isAdded && sentencePiece.map(\.spacesEveryPiece) ?? false
    }
    return result
  }
}
