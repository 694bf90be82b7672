public import Faults
internal import Files

/// A file as torch.save writes it, from a program and storages, whole or with one defect.
public struct TorchBuilder: Sendable {
  /// `data.pkl`.
  public var program: [UInt8]
  /// Entries below `data`.
  public var storages: [(key: String, bytes: [UInt8])]
  /// The compression method of every entry.
  public var method: UInt16 = 0
  /// The flags of every entry.
  public var flags: UInt16 = 0
  /// Whether sizes and places are in Zip64 fields.
  public var isZip64 = false
  /// The entry `byteorder`.
  public var byteOrder = "little"
  /// Entries beside the program, without the folder in front of their names.
  public var notes: [(name: String, bytes: [UInt8])] = []

  /// A file of these parts.
  public init(program: [UInt8] = [], storages: [(key: String, bytes: [UInt8])] = []) {
    self.program = program
    self.storages = storages
  }

  // MARK: - Programs

  /// A dict of one tensor `w` of Float32 `[shape]` over storage `0` of `count` elements.
  public static func program(
    offset: Int = 0, shape: [Int] = [2, 3], strides: [Int] = [3, 1], count: Int = 6,
    storageType: String = "FloatStorage"
  ) -> [UInt8] {
    let prefix: [UInt8] =
      [0x80, 2] + Array("}".utf8) + text("w") + global("torch._utils", "_rebuild_tensor_v2")
    let storage: [UInt8] =
      Array("((".utf8) + text("storage") + global("torch", storageType) + text("0") + text("cpu")
      + integer(count) + Array("tQ".utf8)
    let arguments: [UInt8] =
      integer(offset) + tuple(shape) + tuple(strides) + [0x89]
      + global("collections", "OrderedDict")
      + Array(")RtR".utf8)
    return prefix + storage + arguments + Array("s.".utf8)
  }

  /// GLOBAL.
  public static func global(_ module: String, _ name: String) -> [UInt8] {
    Array("c\(module)\n\(name)\n".utf8)
  }

  /// BINUNICODE.
  public static func text(_ text: String) -> [UInt8] {
    [UInt8(ascii: "X")] + little(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  /// LONG1 of eight bytes.
  public static func integer(_ value: Int) -> [UInt8] { [0x8a, 8] + little(Int64(value)) }

  /// A tuple of numbers.
  public static func tuple(_ values: [Int]) -> [UInt8] {
    Array("(".utf8) + values.flatMap(integer) + Array("t".utf8)
  }

  /// A number as it stands in the file.
  public static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  // MARK: - The archive

  /// The archive.
  public func bytes() -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    let entries =
      [("a/data.pkl", program), ("a/byteorder", Array(byteOrder.utf8))]
      + storages.map { ("a/data/\($0.key)", $0.bytes) } + notes.map { ("a/\($0.name)", $0.bytes) }
    for (name, data) in entries {
      let start = file.count
      let size = TorchBuilder.little(UInt32(data.count))
      let common =
        TorchBuilder.little(flags) + TorchBuilder.little(method) + [0, 0, 0, 0, 0, 0, 0, 0]
      file += Array("PK\u{3}\u{4}".utf8) + [20, 0] + common + size + size
      file += TorchBuilder.little(UInt16(name.utf8.count)) + [0, 0] + Array(name.utf8) + data
      let extra: [UInt8] =
        isZip64
        ? [1, 0, 24, 0] + TorchBuilder.little(UInt64(data.count))
          + TorchBuilder.little(UInt64(data.count)) + TorchBuilder.little(UInt64(start)) : []
      let shown = isZip64 ? [255, 255, 255, 255] : size
      directory += Array("PK\u{1}\u{2}".utf8) + [20, 0, 20, 0] + common + shown + shown
      directory += TorchBuilder.little(UInt16(name.utf8.count))
      directory += TorchBuilder.little(UInt16(extra.count)) + [UInt8](repeating: 0, count: 10)
      directory += isZip64 ? [255, 255, 255, 255] : TorchBuilder.little(UInt32(start))
      directory += Array(name.utf8) + extra
    }
    let place = file.count
    file += directory
    if isZip64 {
      let record = file.count
      file += Array("PK\u{6}\u{6}".utf8) + TorchBuilder.little(UInt64(44)) + [45, 0, 45, 0]
      file += [UInt8](repeating: 0, count: 8) + TorchBuilder.little(UInt64(entries.count))
      file += TorchBuilder.little(UInt64(entries.count))
      file += TorchBuilder.little(UInt64(directory.count)) + TorchBuilder.little(UInt64(place))
      file += Array("PK\u{6}\u{7}".utf8) + [0, 0, 0, 0] + TorchBuilder.little(UInt64(record))
      file += [1, 0, 0, 0]
    }
    file += Array("PK\u{5}\u{6}".utf8) + [0, 0, 0, 0]
    let count = isZip64 ? UInt16.max : UInt16(entries.count)
    file += TorchBuilder.little(count) + TorchBuilder.little(count)
    file += TorchBuilder.little(isZip64 ? UInt32.max : UInt32(directory.count))
    file += TorchBuilder.little(isZip64 ? UInt32.max : UInt32(place)) + [0, 0]
    return file
  }

  /// Writes `adapter_model.bin` and returns its path.
  public func write(to folder: String) throws(Fault) -> String {
    let path = Paths.join(folder, "adapter_model.bin")
    try AtomicFile.write(path, bytes: bytes())
    return path
  }
}
