/// The images that a vision transformer reads, and the patches that they are cut into.
public struct ImageShape: Sendable, Hashable {
  /// Rows of pixels.
  public var height = 0
  /// Columns of pixels.
  public var width = 0
  /// Numbers of a pixel.
  public var channels = 3
  /// Rows of a patch.
  public var patchHeight = 0
  /// Columns of a patch.
  public var patchWidth = 0

  /// Nothing read yet.
  init() {}

  /// Patches of an image, from left to right and row after row.
  public var patchCount: Int { height / patchHeight * (width / patchWidth) }

  /// Numbers of a patch: channel after channel, each row after row.
  public var patchSize: Int { channels * patchHeight * patchWidth }

  /// Why no image is cut into such patches; nil where each is, whole.
  var problem: String? {
    guard height % patchHeight == 0, width % patchWidth == 0 else {
      return
        "image_size \(height)x\(width) is not a multiple of patch_size \(patchHeight)x\(patchWidth)"
    }
    return nil
  }
}
