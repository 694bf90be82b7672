/// The row order of queries and keys in GGUF files where it is not that of Hugging Face (`formats/gguf.md` §7.2).
///
/// Of the llama family: Hugging Face keeps the two halves that RoPE turns together apart, GGUF interleaves them:
///
///     GGUF row  h·D + 2·i + p   =   HF row  h·D + p·(D/2) + i        h < heads, i < D/2, p < 2
///
/// Keys use the key-value head count. Values, outputs and the feed-forward weights keep their order. Of GPT-NeoX, whose
/// one module holds query, key and value (p < 3) of each head together in Hugging Face and apart in GGUF:
///
///     GGUF row  p·H·D + h·D + i   =   HF row  h·3·D + p·D + i        h < heads, i < D, p < 3
public struct HeadPermutation: Sendable, Hashable {
  /// Rows of one head; even where pairs are interleaved.
  public let headDimension: Int
  /// Heads of a module that holds queries, keys and values; nil for pairs.
  private let fusedHeads: Int?

  /// The order for `rows` rows in `headCount` heads; nil unless they divide into even heads.
  public init?(rows: Int, headCount: Int) {
    guard headCount > 0, rows > 0, rows % headCount == 0 else { return nil }
    headDimension = rows / headCount
    fusedHeads = nil
    guard headDimension % 2 == 0 else { return nil }
  }

  /// The order of a module of queries, keys and values; nil unless `rows` are three parts of `fusedHeads` heads.
  public init?(rows: Int, fusedHeads: Int) {
    guard fusedHeads > 0, rows > 0, rows % (3 * fusedHeads) == 0 else { return nil }
    headDimension = rows / (3 * fusedHeads)
    self.fusedHeads = fusedHeads
  }

  /// Rows that are moved among themselves.
  var group: Int { fusedHeads.map { 3 * $0 * headDimension } ?? headDimension }

  /// The Hugging Face row that GGUF stores as row `row`.
  public func huggingFaceRow(ofGGUF row: Int) -> Int {
    if let heads = fusedHeads {
      let (part, rest) = row.quotientAndRemainder(dividingBy: heads * headDimension)
      return rest / headDimension * 3 * headDimension + part * headDimension + rest % headDimension
    }
    let inHead = row % headDimension
    return row - inHead + (inHead % 2) * (headDimension / 2) + inHead / 2
  }

  /// The GGUF row that holds the Hugging Face row `row`.
  public func ggufRow(ofHuggingFace row: Int) -> Int {
    if let heads = fusedHeads {
      let (head, rest) = row.quotientAndRemainder(dividingBy: 3 * headDimension)
      return rest / headDimension * heads * headDimension + head * headDimension
        + rest % headDimension
    }
    let inHead = row % headDimension
    let half = headDimension / 2
    return row - inHead + 2 * (inHead % half) + inHead / half
  }
}
