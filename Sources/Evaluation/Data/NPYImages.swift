import Checkpoints
import Faults
import Files
import Models

/// A NumPy file of images (`formats/data.md` §7): bytes `[count, height, width, channels]`, or little-endian Float32
/// `[count, channels, height, width]`.
struct NPYImages: Sendable {
  /// The largest file that is read.
  private static let byteLimit = 1 << 32

  let path: String
  let digest: SHA256Digest
  /// Four sizes, as the file has them.
  let shape: [Int]
  private let isFloat: Bool
  private let data: [UInt8]

  /// Reads a file.
  ///
  /// - Throws: 65 `DATA-IMAGE` for one that is damaged, 69 for other numbers, orders and shapes; I/O faults.
  init(_ path: String) throws(Fault) {
    self.path = path
    let bytes = try InputFile(path).readAll(limit: Self.byteLimit)
    digest = SHA256Digest.of(bytes)
    func damaged(_ reason: String) -> Fault { Fault(.badData, "DATA-IMAGE", reason, path: path) }
    func unsupported(_ reason: String) -> Fault {
      Fault(.unsupported, "DATA-IMAGE", reason, path: path)
    }
    guard bytes.count >= 12, bytes[0] == 0x93, Array(bytes[1..<6]) == Array("NUMPY".utf8) else {
      throw damaged("does not begin as a NumPy file")
    }
    // The length of the header has two bytes in version 1, four from 2 on.
    let width = bytes[6] == 1 ? 2 : 4
    let size = (0..<width).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    let start = 8 + width + size
    guard (1...3).contains(bytes[6]), size <= 1 << 16, start <= bytes.count else {
      throw damaged("the header of \(size) bytes is not whole")
    }
    let header = String(decoding: bytes[8 + width..<start], as: UTF8.self)
    guard let type = Self.value("descr", header), let order = Self.value("fortran_order", header),
      let sizes = Self.value("shape", header)
    else { throw damaged("the header lacks descr, fortran_order or shape") }
    guard ["'|u1'", "'<f4'"].contains(type) else {
      throw unsupported(
        "numbers of type \(Fault.escaped(type, limit: 32)), supported are |u1 and <f4")
    }
    guard order == "False" else { throw unsupported("the order of the numbers is Fortran's") }
    let parts = sizes.dropFirst().dropLast().split(separator: ",").map {
      Int($0.filter { $0 != " " })
    }
    shape = parts.compactMap { $0 }
    guard shape.count == 4, parts.count == 4, shape.allSatisfy({ $0 > 0 }) else {
      throw unsupported("shape \(Fault.escaped(sizes, limit: 64)), supported are four sizes")
    }
    isFloat = type == "'<f4'"
    var count = isFloat ? 4 : 1
    for size in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: size)
      guard !overflows else { throw damaged("shape \(shape) is too large") }
      count = product
    }
    guard count == bytes.count - start else {
      throw damaged("\(bytes.count - start) bytes of numbers, shape \(shape) needs \(count)")
    }
    data = Array(bytes[start...])
  }

  /// The text of a member of the header, which is a Python dictionary.
  private static func value(_ key: String, _ header: String) -> String? {
    guard let place = header.firstRange(of: "'\(key)':") else { return nil }
    let rest = header[place.upperBound...].drop { $0 == " " }
    guard let first = rest.first else { return nil }
    // A tuple and a text have an end of their own.
    let end: Character = first == "(" ? ")" : first == "'" ? "'" : ","
    guard let last = rest.dropFirst().firstIndex(of: end) else { return nil }
    return String(end == "," ? rest[..<last] : rest[...last])
  }

  /// How many images there are.
  var count: Int { shape[0] }

  /// The images for a model that reads those of `wanted`.
  ///
  /// - Parameter processing: What the model does with bytes.
  /// - Throws: 69 `DATA-IMAGE` for images of other sizes: nothing is resized here; what `processing` throws.
  func array(
    _ wanted: ImageShape, processing: () throws(Fault) -> ImageProcessing
  ) throws(Fault) -> ImageArray {
    let (height, width, channels) =
      isFloat ? (shape[2], shape[3], shape[1]) : (shape[1], shape[2], shape[3])
    guard height == wanted.height, width == wanted.width, channels == wanted.channels else {
      throw Fault(
        .unsupported, "DATA-IMAGE",
        "images of \(height)x\(width) with \(channels) channels, the model reads \(wanted.height)x\(wanted.width) with "
          + "\(wanted.channels), and nothing is resized", path: path)
    }
    guard isFloat else {
      let processing = try processing()
      return ImageArray(
        .bytes(data, processing), shape: wanted,
        identity: digest.bytes + Array("\(processing)".utf8))
    }
    let floats = data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        Float(
          bitPattern: UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
    guard floats.allSatisfy(\.isFinite) else {
      throw Fault(.badData, "DATA-IMAGE", "a number is not finite", path: path)
    }
    return ImageArray(.floats(floats), shape: wanted, identity: digest.bytes)
  }
}
