import Checkpoints
import LinearAlgebra

/// The states that an image enters a vision transformer with, `[1 + patches, d]`: one that answers, then one for each patch.
///
///     x_0 = c + p_0      x_i = E·patch_i + e + p_i
///
/// A convolution whose steps are as wide as its kernel is this product: `E` `[d, channels·rows·columns]`. Source: Dosovitskiy
/// et al., arXiv 2010.11929, equation 1.
struct PatchEmbedding: Sendable {
  let shape: ImageShape
  private let projection: FloatBuffer
  /// What is added to the product `[1 + patches, d]`, in the first row all there is.
  private let states: FloatBuffer

  /// From `E`, `e` `[d]`, `c` `[d]` and `p` `[1 + patches, d]`.
  init(
    _ shape: ImageShape, projection: [Float], bias: [Float], classToken: [Float],
    positions: [Float]
  ) {
    self.shape = shape
    self.projection = FloatBuffer(projection)
    var states = positions
    for index in states.indices {
      let column = index % bias.count
      states[index] += index < bias.count ? classToken[column] : bias[column]
    }
    self.states = FloatBuffer(states)
  }

  /// Writes the states of every image of a batch, which has as many positions for each, into `output` `[N, d]`.
  ///
  /// - Parameter patches: Room for the patches of one image.
  func forward(
    _ batch: TokenBatch, hiddenSize: Int, patches: UnsafeMutablePointer<Float>,
    into output: UnsafeMutablePointer<Float>
  ) {
    for (image, sequence) in zip(batch.images, batch.sequences) {
      precondition(sequence.count == shape.patchCount + 1, "positions of an image")
      let target = output + sequence.lowerBound * hiddenSize
      target.update(from: states.pointer, count: states.count)
      image.array.patches(of: image.index, into: patches)
      BLAS.gemm(
        transposeB: true, rows: shape.patchCount, columns: hiddenSize, inner: shape.patchSize,
        patches, projection.pointer, beta: 1, target + hiddenSize)
    }
  }

  /// Numbers of the patches of an image.
  var patchNumbers: Int { shape.patchCount * shape.patchSize }

  /// Numbers that are held.
  var count: Int { projection.count + states.count }
}
