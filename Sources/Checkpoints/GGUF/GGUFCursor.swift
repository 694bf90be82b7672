internal import Faults

/// Reads the header of a GGUF file from front to back, a window at a time.
///
/// Every length is compared with the bytes that remain before anything is allocated or skipped.
struct GGUFCursor {
  /// Reads `count` bytes at `offset`; only called for ranges inside the file.
  typealias Read = (_ offset: Int, _ count: Int) throws(Fault) -> [UInt8]

  /// Bytes of the whole file.
  let byteCount: Int
  /// The next byte to be read.
  private(set) var offset = 0
  private let read: Read
  private var window: [UInt8] = []
  private var windowStart = 0
  private static let windowBytes = 1 << 18

  init(byteCount: Int, read: @escaping Read) {
    self.byteCount = byteCount
    self.read = read
  }

  /// Bytes between the cursor and the end of the file.
  var remaining: Int { byteCount - offset }

  // MARK: - Numbers

  mutating func u8(_ what: String) throws(Fault) -> UInt8 {
    let start = try need(1, what)
    return window[start]
  }

  mutating func u16(_ what: String) throws(Fault) -> UInt16 {
    UInt16(truncatingIfNeeded: try little(2, what))
  }

  mutating func u32(_ what: String) throws(Fault) -> UInt32 {
    UInt32(truncatingIfNeeded: try little(4, what))
  }

  mutating func u64(_ what: String) throws(Fault) -> UInt64 { try little(8, what) }

  // MARK: - Bytes

  /// The next `count` bytes; `count` must have been compared with ``remaining``.
  mutating func bytes(_ count: Int, _ what: String) throws(Fault) -> [UInt8] {
    let start = try need(count, what)
    return Array(window[start..<start + count])
  }

  /// Moves over `count` bytes; `count` must have been compared with ``remaining``.
  mutating func skip(_ count: Int) { offset += count }

  // MARK: - Private

  private mutating func little(_ count: Int, _ what: String) throws(Fault) -> UInt64 {
    let start = try need(count, what)
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(window[start + index]) << UInt64(8 * index) }
    return value
  }

  /// Makes the next `count` bytes present, moves past them, and returns their place in the window.
  private mutating func need(_ count: Int, _ what: String) throws(Fault) -> Int {
    guard count <= remaining else { throw truncated(count, what) }
    if offset < windowStart || offset + count > windowStart + window.count {
      window = try read(offset, min(max(count, Self.windowBytes), remaining))
      windowStart = offset
    }
    let start = offset - windowStart
    offset += count
    return start
  }

  private func truncated(_ count: Int, _ what: String) -> Fault {
    Fault(
      .badData, "GG-TRUNC",
      "\(what) needs \(count) bytes at offset \(offset), \(remaining) remain")
  }
}
