/// The row order of queries and keys in GGUF files where it is not that of Hugging Face (`formats/gguf.md` §7.2).
///
/// Of the llama family: Hugging Face keeps the two halves that RoPE turns together apart, GGUF interleaves them:
///
///     GGUF row  h·D + 2·i + p   =   HF row  h·D + p·(D/2) + i        h < heads, i < D/2, p < 2
///
/// Keys use the key-value head count. Values, outputs and the feed-forward weights keep their order. Of GPT-NeoX and
/// Falcon one module holds n queries, the key and the value of each of K key-value heads together in Hugging Face, and all
/// of a sort together in GGUF, the j-th query of head g (n = 1 for GPT-NeoX), its key and its value:
///
///     GGUF row  (g·n + j)·D + i       =   HF row  (g·(n + 2) + j)·D + i          g < K, j < n, i < D
///     GGUF row  (K·n + g)·D + i       =   HF row  (g·(n + 2) + n)·D + i
///     GGUF row  (K·n + K + g)·D + i   =   HF row  (g·(n + 2) + n + 1)·D + i
public struct HeadPermutation: Sendable, Hashable {
  /// Rows of one head; even where pairs are interleaved.
  public let headDimension: Int
  /// Query heads of a module that holds queries, keys and values; nil for pairs.
  private let fusedHeads: Int?
  /// Key-value heads of such a module.
  private let keyValueHeads: Int

  /// The order for `rows` rows in `headCount` heads; nil unless they divide into even heads.
  public init?(rows: Int, headCount: Int) {
    guard headCount > 0, rows > 0, rows % headCount == 0 else { return nil }
    headDimension = rows / headCount
    fusedHeads = nil
    keyValueHeads = 0
    guard headDimension % 2 == 0 else { return nil }
  }

  /// The order of a module of queries, keys and values; nil unless `rows` are so many whole heads.
  public init?(rows: Int, heads: Int, keyValueHeads: Int) {
    guard (1...1 << 16).contains(heads), (1...heads).contains(keyValueHeads),
      heads % keyValueHeads == 0, rows > 0, rows % (heads + 2 * keyValueHeads) == 0
    else { return nil }
    headDimension = rows / (heads + 2 * keyValueHeads)
    fusedHeads = heads
    self.keyValueHeads = keyValueHeads
  }

  /// Rows that are moved among themselves.
  var group: Int { ((fusedHeads ?? 1) + 2 * keyValueHeads) * headDimension }

  /// The Hugging Face row that GGUF stores as row `row`.
  public func huggingFaceRow(ofGGUF row: Int) -> Int {
    if let heads = fusedHeads {
      let (head, inHead) = row.quotientAndRemainder(dividingBy: headDimension)
      let size = heads / keyValueHeads
      // Behind the queries all keys, then all values.
      let (sort, place) = (head - heads).quotientAndRemainder(dividingBy: keyValueHeads)
      let block =
        head < heads
        ? head / size * (size + 2) + head % size : place * (size + 2) + size + sort
      return block * headDimension + inHead
    }
    let inHead = row % headDimension
    return row - inHead + (inHead % 2) * (headDimension / 2) + inHead / 2
  }

  /// The GGUF row that holds the Hugging Face row `row`.
  public func ggufRow(ofHuggingFace row: Int) -> Int {
    if let heads = fusedHeads {
      let (block, inHead) = row.quotientAndRemainder(dividingBy: headDimension)
      let size = heads / keyValueHeads
      let (group, place) = block.quotientAndRemainder(dividingBy: size + 2)
      let head =
        place < size ? group * size + place : heads + (place - size) * keyValueHeads + group
      return head * headDimension + inHead
    }
    let inHead = row % headDimension
    let half = headDimension / 2
    return row - inHead + 2 * (inHead % half) + inHead / half
  }
}
