import Checkpoints
import Faults
import JSON

/// The tensors of an adapter sorted by module and part, each part once.
struct FactorTable {
  /// One module and its tensors by part, such as `lora_A`.
  struct Entry {
    let module: String
    private(set) var parts: [String: TensorInfo] = [:]

    fileprivate init(_ module: String) { self.module = module }

    fileprivate mutating func add(_ part: String, _ tensor: TensorInfo) throws(Fault) {
      if let earlier = parts.updateValue(tensor, forKey: part) {
        throw Fault(
          .badData, "AD-DUP",
          "is the same factor as \(Fault.escaped(earlier.name, limit: 96))", tensor: tensor.name)
      }
    }

    /// The tensor of a part, nil where there is none.
    subscript(part: String) -> TensorInfo? { parts[part] }

    /// Whether any part is a factor of an update.
    var hasFactors: Bool {
      parts.keys.contains { key in
        ["lora_", "hada_", "lokr_", "tinylora_", "vera_lambda_"].contains { key.hasPrefix($0) }
      }
    }

    /// Numbers in all parts; the container has bounded them by its size.
    var elementCount: Int {
      parts.values.reduce(0) { $0 &+ $1.shape.reduce(1, &*) }
    }

    /// The entry with these parts only; nil where none is left.
    func keeping(_ isKept: (String) -> Bool) -> Entry? {
      var entry = self
      entry.parts = parts.filter { isKept($0.key) }
      return entry.parts.isEmpty ? nil : entry
    }

    /// The tensor of a part; 65 `AD-PAIR` where there is none.
    func required(_ part: String) throws(Fault) -> TensorInfo {
      guard let tensor = parts[part] else {
        throw Fault(.badData, "AD-PAIR", "\(part) is missing", tensor: module)
      }
      return tensor
    }
  }

  private var entries: [UTF8Key: Entry] = [:]

  /// Files a tensor; 65 `AD-DUP` when the module already has that part.
  mutating func add(_ tensor: TensorInfo, module: String, part: String) throws(Fault) {
    try entries[UTF8Key(module), default: Entry(module)].add(part, tensor)
  }

  /// The entries by layer and kind; 65 `AD-EMPTY` for none.
  func ordered() throws(Fault) -> [Entry] {
    guard !entries.isEmpty else { throw Fault(.badData, "AD-EMPTY", "no LoRA factors") }
    var places: [(order: ModuleOrder, entry: Entry)] = []
    for entry in entries.values { places.append((try ModuleOrder(entry.module), entry)) }
    return places.sorted { $0.order < $1.order }.map(\.entry)
  }
}
