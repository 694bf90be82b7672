/// The row order of `attn_q` and `attn_k` in GGUF files of the llama family (`formats/gguf.md` §7.2).
///
/// Hugging Face keeps the two halves that RoPE turns together apart, GGUF interleaves them:
///
///     GGUF row  h·D + 2·i + p   =   HF row  h·D + p·(D/2) + i        h < heads, i < D/2, p < 2
///
/// Keys use the key-value head count. Values, outputs and the feed-forward weights keep their order.
public struct HeadPermutation: Sendable, Hashable {
  /// Rows of one head, even.
  public let headDimension: Int

  /// The order for `rows` rows in `headCount` heads; nil unless they divide into even heads.
  public init?(rows: Int, headCount: Int) {
    guard headCount > 0, rows > 0, rows % headCount == 0 else { return nil }
    headDimension = rows / headCount
    guard headDimension % 2 == 0 else { return nil }
  }

  /// The Hugging Face row that GGUF stores as row `row`.
  public func huggingFaceRow(ofGGUF row: Int) -> Int {
    let inHead = row % headDimension
    return row - inHead + (inHead % 2) * (headDimension / 2) + inHead / 2
  }

  /// The GGUF row that holds the Hugging Face row `row`.
  public func ggufRow(ofHuggingFace row: Int) -> Int {
    let inHead = row % headDimension
    let half = headDimension / 2
    return row - inHead + 2 * (inHead % half) + inHead / half
  }
}
