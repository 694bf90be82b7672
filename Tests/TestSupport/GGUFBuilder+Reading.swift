extension GGUFBuilder {
  /// The parts of a sound file, whose bytes they give again.
  ///
  /// - Returns: nil for what is no such file.
  public init?(reading bytes: [UInt8]) {
    var place = 0
    func little(_ count: Int) -> Int? {
      guard place + count <= bytes.count else { return nil }
      defer { place += count }
      let value = bytes[place..<place + count].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return Int(exactly: value)
    }
    func take(_ count: Int) -> [UInt8]? {
      guard count >= 0, place + count <= bytes.count else { return nil }
      defer { place += count }
      return Array(bytes[place..<place + count])
    }
    /// Moves past a value of a type.
    func pass(_ type: Int) -> Bool {
      switch type {
      case 8: return little(8).flatMap(take) != nil
      case 9:
        guard let element = little(4), let count = little(8) else { return false }
        return (0..<count).allSatisfy { _ in pass(element) }
      default:
        let sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
        return sizes.indices.contains(type) && take(sizes[type]) != nil
      }
    }
    self.init()
    guard take(4) == magic, little(4) == Int(version), let tensorCount = little(8),
      let entryCount = little(8)
    else { return nil }
    for _ in 0..<entryCount {
      guard let key = little(8).flatMap(take), let type = little(4) else { return nil }
      let start = place
      guard pass(type) else { return nil }
      entries.append(Entry(key: key, type: UInt32(type), value: Array(bytes[start..<place])))
    }
    var starts: [Int] = []
    for _ in 0..<tensorCount {
      guard let name = little(8).flatMap(take), let dimensions = little(4) else { return nil }
      let sizes = (0..<dimensions).compactMap { _ in little(8).map { UInt64($0) } }
      guard let type = little(4), let start = little(8), sizes.count == dimensions else {
        return nil
      }
      starts.append(start)
      tensors.append(Tensor(name: name, sizes: sizes, type: UInt32(type), data: []))
    }
    let data = (place + alignment - 1) / alignment * alignment
    starts.append(bytes.count - data)
    for index in tensors.indices {
      guard starts[index] <= starts[index + 1], data + starts[index + 1] <= bytes.count else {
        return nil
      }
      tensors[index].data = Array(bytes[data + starts[index]..<data + starts[index + 1]])
    }
  }
}
