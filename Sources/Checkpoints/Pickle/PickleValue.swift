/// What the pickle machine can hold: the few kinds of value a state dict is made of.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case string(String)
  case tuple([PickleValue], depth: Int)
  case dictionary(PickleDictionary)
  case global(PickleGlobal)
  indirect case storage(StorageReference)
  indirect case tensor(StridedTensor)

  /// How deep values lie inside this one; bounded so that nothing recurses without limit.
  var depth: Int {
    switch self {
    case .tuple(_, let depth): depth
    case .dictionary(let dictionary): dictionary.depth
    default: 0
    }
  }

  /// What this is, for messages.
  var kindName: String {
    switch self {
    case .none: "None"
    case .bool: "a bool"
    case .int: "an int"
    case .string: "a string"
    case .tuple: "a tuple"
    case .dictionary: "a dict"
    case .global(let global): global.name
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// A dict under construction.
///
/// Once it is part of another value it is frozen, so no cycle can arise.
final class PickleDictionary {
  private(set) var pairs: [(key: PickleValue, value: PickleValue)] = []
  private(set) var depth = 1
  var isFrozen = false

  func append(_ key: PickleValue, _ value: PickleValue) {
    pairs.append((key, value))
    depth = max(depth, 1 + max(key.depth, value.depth))
  }
}

/// The globals that a state dict may name; nothing else is looked up (`formats/torch.md` §2).
enum PickleGlobal: Hashable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case storageType(String)

  /// Storage classes and their element types.
  static let storageTypes = [
    "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "DoubleStorage": "F64",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
  ]

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", _):
      guard let dtype = PickleGlobal.storageTypes[name] else { return nil }
      self = .storageType(dtype)
    default: return nil
    }
  }

  var name: String {
    switch self {
    case .orderedDictionary: "collections.OrderedDict"
    case .rebuildTensor: "torch._utils._rebuild_tensor_v2"
    case .rebuildParameter: "torch._utils._rebuild_parameter"
    case .storageType(let dtype): "a storage type of \(dtype)"
    }
  }
}

/// A persistent id: which entry of the archive holds the elements.
struct StorageReference: Hashable {
  let dtypeName: String
  let key: String
  let elementCount: Int
}

/// A tensor as a view of a storage; sizes in elements.
struct StridedTensor: Hashable {
  let storage: StorageReference
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}
