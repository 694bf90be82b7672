internal import Faults

/// Runs the program of a `data.pkl`: the operations and globals of a state dict, no others.
///
/// Nothing is imported, called or constructed: what a program may name is a closed list of symbols
/// (`formats/torch.md` §2).
struct PickleMachine {
  private enum Item {
    case value(PickleValue)
    case mark
  }

  private let bytes: [UInt8]
  private var place = 0
  private var stack: [Item] = []
  private var memo: [Int: PickleValue] = [:]

  /// Deeper values are refused; a state dict needs four levels.
  static let depthLimit = 8
  private static let memoLimit = 1 << 21
  /// Items are set by the thousand; nothing else piles up.
  private static let stackLimit = 1 << 16

  /// What the program leaves.
  static func run(_ bytes: [UInt8]) throws(Fault) -> PickleValue {
    var machine = PickleMachine(bytes: bytes)
    return try machine.run()
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func run() throws(Fault) -> PickleValue {
    while true {
      let operation = try byte()
      if operation == UInt8(ascii: ".") {
        let result = try pop()
        guard stack.isEmpty else { throw damaged("values are left on the stack") }
        return result
      }
      try step(operation)
      guard stack.count <= PickleMachine.stackLimit else {
        throw unsupported("a stack of over \(PickleMachine.stackLimit) values")
      }
    }
  }

  // MARK: - Operations

  private mutating func step(_ operation: UInt8) throws(Fault) {
    switch operation {
    case 0x80:  // PROTO
      let version = try byte()
      guard (2...5).contains(version) else { throw unsupported("pickle protocol \(version)") }
    case 0x95: _ = try take(8)  // FRAME: only a hint
    case UInt8(ascii: "("): stack.append(.mark)
    case UInt8(ascii: "}"): push(.dictionary(PickleDictionary()))
    case UInt8(ascii: ")"): push(.tuple([], depth: 1))
    case UInt8(ascii: "N"): push(.none)
    case 0x88: push(.bool(true))
    case 0x89: push(.bool(false))
    case UInt8(ascii: "K"): push(.int(Int(try byte())))
    case UInt8(ascii: "M"): push(.int(try unsigned(2)))
    case UInt8(ascii: "J"): push(.int(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
    case 0x8a: push(.int(try long(Int(try byte()))))
    case UInt8(ascii: "X"): push(.string(try text(try unsigned(4))))
    case 0x8c: push(.string(try text(Int(try byte()))))
    case 0x85: try tuple(1)
    case 0x86: try tuple(2)
    case 0x87: try tuple(3)
    case UInt8(ascii: "t"): push(try makeTuple(try popToMark()))
    case UInt8(ascii: "s"):
      let value = try pop()
      try setItems([try pop(), value])
    case UInt8(ascii: "u"): try setItems(try popToMark())
    case UInt8(ascii: "q"): try remember(Int(try byte()))
    case UInt8(ascii: "r"): try remember(try unsigned(4))
    case 0x94: try remember(memo.count)  // MEMOIZE
    case UInt8(ascii: "h"): try recall(Int(try byte()))
    case UInt8(ascii: "j"): try recall(try unsigned(4))
    case UInt8(ascii: "c"):
      let module = try line()
      try pushGlobal(module, try line())
    case 0x93:  // STACK_GLOBAL
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw damaged("a global without module and name")
      }
      try pushGlobal(module, name)
    case UInt8(ascii: "Q"): push(.storage(try storage(try pop())))
    case UInt8(ascii: "R"):
      let arguments = try pop()
      push(try reduce(try pop(), arguments))
    case UInt8(ascii: "b"): try build()
    default:
      throw unsupported(
        "operation 0x\(String(operation, radix: 16)), which no state dict needs,")
    }
  }

  private mutating func pushGlobal(_ module: String, _ name: String) throws(Fault) {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw Fault(
        .unsupported, "PT-GLOBAL",
        "the pickle names \(Fault.escaped("\(module).\(name)", limit: 96)), which is not run; "
          + "save as safetensors")
    }
    push(.global(global))
  }

  /// A call of one of the known symbols.
  private func reduce(
    _ function: PickleValue, _ arguments: PickleValue
  ) throws(Fault) -> PickleValue {
    guard case .global(let global) = function, case .tuple(let values, _) = arguments else {
      throw unsupported("a call of \(function.kindName)")
    }
    switch global {
    case .orderedDictionary:
      guard values.isEmpty else { throw unsupported("an OrderedDict with arguments") }
      return .dictionary(PickleDictionary())
    case .rebuildTensor: return .tensor(try tensor(values))
    case .rebuildParameter:
      guard let first = values.first, case .tensor = first, values.count <= 3 else {
        throw damaged("a parameter without tensor")
      }
      return first
    case .storageType: throw unsupported("a call of \(global.name)")
    }
  }

  /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`.
  private func tensor(_ values: [PickleValue]) throws(Fault) -> StridedTensor {
    guard values.count >= 4, values.count <= 7, case .storage(let storage) = values[0],
      case .int(let offset) = values[1], let shape = PickleMachine.integers(values[2]),
      let strides = PickleMachine.integers(values[3]), shape.count == strides.count,
      shape.count <= 8
    else { throw damaged("a tensor whose arguments are not storage, offset, sizes and strides") }
    if values.count == 7, case .dictionary(let metadata) = values[6], !metadata.pairs.isEmpty {
      throw unsupported("a tensor with metadata")
    }
    return StridedTensor(storage: storage, offset: offset, shape: shape, strides: strides)
  }

  private static func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let values, _) = value else { return nil }
    var result: [Int] = []
    for value in values {
      guard case .int(let number) = value else { return nil }
      result.append(number)
    }
    return result
  }

  /// The persistent id `("storage", type, key, device, count)`.
  private func storage(_ value: PickleValue) throws(Fault) -> StorageReference {
    guard case .tuple(let values, _) = value, values.count == 5,
      case .string("storage") = values[0], case .global(.storageType(let dtype)) = values[1],
      case .string(let key) = values[2], case .string = values[3], case .int(let count) = values[4],
      count >= 0
    else { throw damaged("a persistent id that is no storage") }
    return StorageReference(dtypeName: dtype, key: key, elementCount: count)
  }

  /// The state of an OrderedDict (`_metadata`) is of no use here.
  private mutating func build() throws(Fault) {
    let state = try pop()
    guard case .dictionary = state, case .value(.dictionary) = stack.last else {
      throw unsupported("state of something other than a dict")
    }
  }

  private mutating func setItems(_ values: [PickleValue]) throws(Fault) {
    guard values.count % 2 == 0, case .value(.dictionary(let dictionary)) = stack.last else {
      throw damaged("items without a dict")
    }
    for index in stride(from: 0, to: values.count, by: 2) {
      let (key, value) = (values[index], values[index + 1])
      for part in [key, value] {
        try checkDepth(part.depth + 1)
        if case .dictionary(let inner) = part { inner.isFrozen = true }
      }
      guard !dictionary.isFrozen else { throw damaged("items for a dict that is in use") }
      dictionary.append(key, value)
    }
  }

  private mutating func tuple(_ count: Int) throws(Fault) {
    var values: [PickleValue] = []
    for _ in 0..<count { values.append(try pop()) }
    push(try makeTuple(values.reversed()))
  }

  private func makeTuple(_ values: [PickleValue]) throws(Fault) -> PickleValue {
    let depth = 1 + (values.map(\.depth).max() ?? 0)
    try checkDepth(depth)
    for case .dictionary(let inner) in values { inner.isFrozen = true }
    return .tuple(values, depth: depth)
  }

  private func checkDepth(_ depth: Int) throws(Fault) {
    guard depth <= PickleMachine.depthLimit else {
      throw unsupported("a value nested over \(PickleMachine.depthLimit) deep")
    }
  }

  // MARK: - Stack and memo

  private mutating func push(_ value: PickleValue) { stack.append(.value(value)) }

  private mutating func pop() throws(Fault) -> PickleValue {
    guard case .value(let value)? = stack.popLast() else { throw damaged("the stack is empty") }
    return value
  }

  private mutating func popToMark() throws(Fault) -> [PickleValue] {
    var values: [PickleValue] = []
    while let item = stack.popLast() {
      guard case .value(let value) = item else { return values.reversed() }
      values.append(value)
    }
    throw damaged("a mark is missing")
  }

  private mutating func remember(_ index: Int) throws(Fault) {
    guard case .value(let value)? = stack.last, memo.count < PickleMachine.memoLimit else {
      throw damaged("nothing to remember, or too much")
    }
    memo[index] = value
  }

  private mutating func recall(_ index: Int) throws(Fault) {
    guard let value = memo[index] else { throw damaged("memo \(index) is not set") }
    push(value)
  }

  // MARK: - Bytes

  private mutating func take(_ count: Int) throws(Fault) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - place else { throw damaged("the program ends early") }
    defer { place += count }
    return bytes[place..<place + count]
  }

  private mutating func byte() throws(Fault) -> UInt8 {
    guard place < bytes.count else { throw damaged("the program ends early") }
    defer { place += 1 }
    return bytes[place]
  }

  private mutating func unsigned(_ count: Int) throws(Fault) -> Int {
    try take(count).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// LONG1: two's complement of any length.
  private mutating func long(_ count: Int) throws(Fault) -> Int {
    let digits = try take(count)
    guard count <= 8 else { throw unsupported("an integer of \(count) bytes") }
    guard let top = digits.last else { return 0 }
    var bits: UInt64 = top >= 0x80 ? .max : 0
    for digit in digits.reversed() { bits = bits << 8 | UInt64(digit) }
    return Int(Int64(bitPattern: bits))
  }

  private mutating func text(_ count: Int) throws(Fault) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw damaged("text that is not UTF-8")
    }
    return text
  }

  private mutating func line() throws(Fault) -> String {
    guard let end = bytes[place...].prefix(1024).firstIndex(of: 0x0a) else {
      throw damaged("a name without end")
    }
    let text = try text(end - place)
    place += 1
    return text
  }

  private func damaged(_ reason: String) -> Fault {
    Fault(.badData, "PT-PICKLE", "\(reason), at byte \(place) of data.pkl")
  }

  private func unsupported(_ reason: String) -> Fault {
    Fault(
      .unsupported, "PT-PICKLE",
      "\(reason) at byte \(place) of data.pkl is not read; save as safetensors")
  }
}
