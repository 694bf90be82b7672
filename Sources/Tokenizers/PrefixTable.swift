/// Byte strings with values, for finding those that a text begins with: a trie whose nodes are ranges of the sorted
/// strings.
struct PrefixTable: Sendable {
  /// The strings one after the other, in order, and where each begins and the last ends.
  private var storage: [UInt8] = []
  private var starts: [Int] = [0]
  private var values: [Int32] = []
  /// The range of the strings that begin with each byte: from entry `b` to entry `b + 1`.
  private var firstBytes = [Int](repeating: 0, count: 257)

  var isEmpty: Bool { values.isEmpty }

  /// A table of strings; of equal ones the first counts, and empty ones are left out.
  init(_ entries: [(bytes: [UInt8], value: Int32)]) {
    let order = entries.indices.filter { !entries[$0].bytes.isEmpty }.sorted { left, right in
      let (first, second) = (entries[left].bytes, entries[right].bytes)
      if first == second { return left < right }
      return first.lexicographicallyPrecedes(second)
    }
    var last: [UInt8] = []
    for index in order where entries[index].bytes != last {
      last = entries[index].bytes
      storage += last
      starts.append(storage.count)
      values.append(entries[index].value)
      firstBytes[Int(last[0]) + 1] += 1
    }
    for byte in 1...256 { firstBytes[byte] += firstBytes[byte - 1] }
  }

  /// Calls `body` with the length and the value of each string that `bytes[start..<end]` begins with, shortest first.
  func prefixes(
    of bytes: [UInt8], from start: Int, to end: Int, _ body: (Int, Int32) -> Void
  ) {
    guard start < end else { return }
    let byte = Int(bytes[start])
    var (low, high) = (firstBytes[byte], firstBytes[byte + 1])
    var depth = 1
    while low < high {
      if starts[low + 1] - starts[low] == depth {
        body(depth, values[low])
        low += 1
      }
      guard start + depth < end else { return }
      let next = bytes[start + depth]
      // All strings in the range are longer than `depth` and equal before it.
      low = firstIndex(in: low..<high) { storage[starts[$0] + depth] >= next }
      high = firstIndex(in: low..<high) { storage[starts[$0] + depth] > next }
      depth += 1
    }
  }

  /// The longest string that `bytes[start..<end]` begins with.
  func longest(
    of bytes: [UInt8], from start: Int, to end: Int
  ) -> (count: Int, value: Int32)? {
    var found: (Int, Int32)?
    prefixes(of: bytes, from: start, to: end) { found = ($0, $1) }
    return found
  }

  /// Whether any string begins with a byte.
  func mayBegin(with byte: UInt8) -> Bool { firstBytes[Int(byte)] < firstBytes[Int(byte) + 1] }

  private func firstIndex(in range: Range<Int>, where isReached: (Int) -> Bool) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if isReached(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
