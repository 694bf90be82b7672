public import Checkpoints
import Tensors

/// Images of one size, and what turns their numbers into those that a model is given.
///
/// Bytes `[count, height, width, channels]` become (b·factor − mean) / deviation in each channel; numbers
/// `[count, channels, height, width]` are given as they are.
public final class ImageArray: Sendable {
  /// The numbers as they lie in the file.
  public enum Values: Sendable {
    case bytes([UInt8], ImageProcessing)
    case floats([Float])
  }

  /// Stands for the numbers and for what is done with them.
  public let identity: [UInt8]
  /// The images.
  let shape: ImageShape
  private let values: Values

  /// Images of `shape`; whoever makes them has compared the count of numbers.
  public init(_ values: Values, shape: ImageShape, identity: [UInt8]) {
    self.values = values
    self.shape = shape
    self.identity = identity
  }

  /// Bytes of the numbers.
  public var byteCount: Int {
    switch values {
    case .bytes(let bytes, _): bytes.count
    case .floats(let floats): floats.count * MemoryLayout<Float>.size
    }
  }

  /// Writes the patches of image `index`, `[patches, channels·rows·columns]`, from left to right and row after row.
  func patches(of index: Int, into target: UnsafeMutablePointer<Float>) {
    let (height, width, channels) = (shape.height, shape.width, shape.channels)
    let first = index * height * width * channels
    var scale: [Float] = []
    var shift: [Float] = []
    if case .bytes(_, let processing) = values {
      scale = processing.deviation.map { Float(processing.factor / $0) }
      shift = zip(processing.mean, processing.deviation).map { Float(-$0 / $1) }
    }
    var next = 0
    for top in stride(from: 0, to: height, by: shape.patchHeight) {
      for left in stride(from: 0, to: width, by: shape.patchWidth) {
        for channel in 0..<channels {
          for row in top..<top + shape.patchHeight {
            for column in left..<left + shape.patchWidth {
              switch values {
              case .bytes(let bytes, _):
                let byte = bytes[first + (row * width + column) * channels + channel]
                target[next] = Float(byte) * scale[channel] + shift[channel]
              case .floats(let floats):
                target[next] = floats[first + (channel * height + row) * width + column]
              }
              next += 1
            }
          }
        }
      }
    }
  }
}

/// One image of an array.
public struct ImageReference: Sendable, Hashable {
  /// The array.
  public let array: ImageArray
  /// Its number, from 0.
  public let index: Int

  /// Image `index` of `array`, which has one.
  public init(_ array: ImageArray, index: Int) {
    self.array = array
    self.index = index
  }

  /// Whether both are the same numbers.
  public static func == (left: ImageReference, right: ImageReference) -> Bool {
    left.index == right.index && left.array.identity == right.array.identity
  }

  /// Takes in what ``==(_:_:)`` compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(index)
    hasher.combine(array.identity)
  }
}
