internal import Faults

/// The names of a family's tensors: what each is for, what Hugging Face and GGUF call it, and how they store it.
///
/// One table serves readers, completeness, GGUF copies, exports and adapters (`formats/gguf.md` §7.1).
public struct TensorNames: Sendable {
  /// How the stored values differ from those used everywhere else: `[outFeatures, inFeatures]`, rows in Hugging Face
  /// order, norms as Hugging Face has them.
  public enum Storage: Sendable, Hashable {
    /// They do not.
    case asIs
    /// GGUF interleaves the two halves of each head that RoPE turns (`formats/gguf.md` §7.2).
    case rotaryPairs
    /// GGUF has all queries, keys and values behind one another, Hugging Face those of each key-value head.
    case byGroup
    /// Hugging Face stores `[inFeatures, outFeatures]` (Conv1D).
    case transposed
    /// GGUF stores the weight of a norm with one added to it.
    case plusOne
    /// Hugging Face has a vector for each head, `NAME.0` and so on, GGUF one matrix with a row for each.
    case perHead
    /// Hugging Face has a matrix for each expert, whose number stands where the row's name has ``TensorNames/expert``; GGUF has
    /// one tensor with all of them.
    case perExpert
    /// Hugging Face has a matrix of one row, GGUF perhaps a vector.
    case oneRow
    /// GGUF lacks the rows before that of the first token.
    case behindOffset
    /// The name is that of the tensor itself, without `.weight`.
    case bare
  }

  /// A row of the table; names are without `.weight` and `.bias`, and without the prefix of a block.
  struct Row: Sendable {
    let role: TensorRole
    let huggingFace: String
    let gguf: String
    let storage: Storage
    /// What the class calls it where its files have ``huggingFace``; nil where that is the same.
    let also: String?

    init(
      _ role: TensorRole, _ huggingFace: String, _ gguf: String, _ storage: Storage = .asIs,
      also: String? = nil
    ) {
      self.role = role
      self.huggingFace = huggingFace
      self.gguf = gguf
      self.storage = storage
      self.also = also
    }
  }

  /// Before the number of a block, such as `model.layers.`.
  let blockPrefix: String
  let rows: [Row]
  /// Blocks with other rows than most.
  var denseLayers: Set<Int> = []
  /// Their rows, and those of what stands in no block.
  var denseRows: [Row] = []
  /// The same in the class' own names; nil where its files have these.
  private let alsoPrefix: String?

  init(blockPrefix: String = "model.layers.", _ rows: [Row], alsoPrefix: String? = nil) {
    self.blockPrefix = blockPrefix
    self.alsoPrefix = alsoPrefix
    let isDecoder = rows.contains { $0.role == .head } && !rows.contains { $0.role == .classes }
    // What all classes for texts call it; only their files have one.
    self.rows = rows + (isDecoder ? [Row(.classes, "score", "cls.output")] : [])
  }

  static let ggufPrefix = "blk."
  /// Stands for the number of an expert.
  static let expert: Character = "*"
  /// The tensor of GGUF that only models with experts have.
  static let expertMark = "blk.0.ffn_gate_inp.weight"

  /// Tensors of GGUF files that hold what Hugging Face puts into `config.json`.
  enum Rotary {
    /// What every frequency of RoPE is divided by.
    static let divisors = "rope_freqs.weight"
    /// The same of LongRoPE, for texts within the original context and beyond.
    static let short = "rope_factors_short.weight"
    static let long = "rope_factors_long.weight"
  }

  /// A tensor found in the table.
  struct Place {
    let row: Row
    let layer: Int?
    /// `.weight` or `.bias`, or nothing.
    let suffix: String

    /// Whether the tensors that the row stands for are one in GGUF: none has a counterpart of its own.
    var isStacked: Bool { row.storage == .perExpert }
  }

  // MARK: - Looking up

  /// The Hugging Face name of what has this role, without `.weight`; nil where the family has no such tensor.
  public func module(_ role: TensorRole, layer: Int? = nil) -> String? {
    guard let row = row(role, layer) else { return nil }
    var name = row.huggingFace
    if let expert = role.expert { name.replace("\(Self.expert)", with: "\(expert)") }
    return layer.map { "\(blockPrefix)\($0).\(name)" } ?? name
  }

  private func row(_ role: TensorRole, _ layer: Int? = nil) -> Row? {
    let role = role.row
    return rows(in: layer).first { $0.role == role }
  }

  private func rows(in layer: Int?) -> [Row] {
    layer.map { denseLayers.contains($0) } ?? false ? denseRows : rows
  }

  /// The Hugging Face names of the tensors that together have this role in a block: one, or one for each of `heads`.
  public func modules(_ role: TensorRole, layer: Int, heads: Int) -> [String] {
    guard let name = module(role, layer: layer) else { return [] }
    return storage(role) == .perHead ? (0..<heads).map { "\(name).\($0)" } : [name]
  }

  /// What the class calls a module of a block whose files have another name, as adapters do; nil where they agree.
  public func classModule(of module: String) -> String? {
    guard let alsoPrefix, let (layer, leaf) = TensorNames.split(module, prefix: blockPrefix),
      let name = rows.first(where: { $0.huggingFace == leaf })?.also
    else { return nil }
    return "\(alsoPrefix)\(layer).\(name)"
  }

  /// The GGUF name, likewise; nil too for an expert's, which is a part of a tensor.
  func ggufModule(_ role: TensorRole, layer: Int? = nil) -> String? {
    guard let row = row(role, layer), row.storage != .perExpert else { return nil }
    return layer.map { "\(Self.ggufPrefix)\($0).\(row.gguf)" } ?? row.gguf
  }

  /// How a role is stored.
  public func storage(_ role: TensorRole) -> Storage {
    row(role)?.storage ?? .asIs
  }

  /// The Hugging Face name of a GGUF tensor; nil where the family has no such tensor.
  public func huggingFace(gguf name: String) -> String? {
    guard let place = place(gguf: name), !place.isStacked else { return nil }
    return self.name(place, place.row.huggingFace, prefix: blockPrefix)
  }

  /// The GGUF name of a Hugging Face tensor; nil where the family has no such tensor.
  public func gguf(huggingFace name: String) -> String? {
    guard let place = place(huggingFace: name), !place.isStacked else { return nil }
    return self.name(place, place.row.gguf, prefix: Self.ggufPrefix)
  }

  func place(gguf name: String) -> Place? { place(name, prefix: Self.ggufPrefix, \.gguf) }

  func place(huggingFace name: String) -> Place? {
    place(name, prefix: blockPrefix, \.huggingFace)
  }

  private func name(_ place: Place, _ stem: String, prefix: String) -> String {
    (place.layer.map { "\(prefix)\($0)." } ?? "") + stem + place.suffix
  }

  private func place(_ name: String, prefix: String, _ column: (Row) -> String) -> Place? {
    let inBlock = TensorNames.split(name, prefix: prefix)
    let leaf = inBlock?.leaf ?? name
    let suffix = [".weight", ".bias"].first { leaf.utf8.hasSuffix($0.utf8) } ?? ""
    let stem = leaf.utf8.dropLast(suffix.utf8.count)
    let row = rows(in: inBlock?.layer).first {
      $0.role.isInBlock == (inBlock != nil) && ($0.storage == .bare) == suffix.isEmpty
        && Self.matches(stem, column($0))
    }
    return row.map { Place(row: $0, layer: inBlock?.layer, suffix: suffix) }
  }

  /// Whether a name is a row's, or that of any expert.
  private static func matches(_ stem: Substring.UTF8View, _ name: String) -> Bool {
    guard let star = name.firstIndex(of: expert) else { return name.utf8.elementsEqual(stem) }
    let (front, back) = (name[..<star].utf8, name[name.index(after: star)...].utf8)
    return stem.count > front.count + back.count && stem.starts(with: front)
      && stem.suffix(back.count).elementsEqual(back)
      && number(stem.dropFirst(front.count).dropLast(back.count)) != nil
  }

  /// The name that stands for one of the first BERT files, which call weight and bias of a norm gamma and beta.
  private static func current(_ name: String) -> String {
    for (old, new) in [
      ("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"),
    ]
    where name.hasSuffix(old) {
      return name.dropLast(old.count) + new
    }
    return name
  }

  /// The first component of all names but a head's, with its dot; models without a head have names without it.
  public var prefix: String { String(blockPrefix.prefix { $0 != "." }) + "." }

  // MARK: - Names of blocks

  /// Which layer and leaf a name inside a block has, such as `(3, "attn_q.weight")` for
  /// `blk.3.attn_q.weight` and the prefix `blk.`; nil for other names and unwritable indices.
  static func split(_ name: String, prefix: String) -> (layer: Int, leaf: String)? {
    guard name.utf8.starts(with: prefix.utf8) else { return nil }
    let rest = name.utf8.dropFirst(prefix.utf8.count)
    guard let dot = rest.firstIndex(of: UInt8(ascii: ".")) else { return nil }
    guard let layer = number(rest[..<dot]), let leaf = String(rest[rest.index(after: dot)...])
    else { return nil }
    return (layer, leaf)
  }

  /// A number in its plain form: no sign, no leading zero, nothing that overflows.
  private static func number(_ digits: Substring.UTF8View) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
      digits.count == 1 || digits.first != 0x30
    else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  /// Refuses a name that begins like a block's but whose layer index is out of range.
  static func checkLayerIndex(
    _ name: String, prefix: String, layerCount: Int
  ) throws(Fault) {
    guard name.utf8.starts(with: prefix.utf8) else { return }
    guard let (layer, _) = split(name, prefix: prefix), layer < layerCount else {
      throw Fault(
        .badData, "NAME-INDEX", "layer index out of range; the model has \(layerCount) layers",
        tensor: name)
    }
  }
}

extension String.UTF8View {
  fileprivate func hasSuffix(_ suffix: String.UTF8View) -> Bool {
    count > suffix.count && self.suffix(suffix.count).elementsEqual(suffix)
  }
}

extension TensorNames {
  /// The full name and the storage of a tensor in a Hugging Face file, which may lack the first component of all names
  /// but the head's.
  func stored(huggingFace name: String) -> (name: String, storage: Storage)? {
    let name = TensorNames.current(name)
    if let place = place(huggingFace: name) { return (name, place.row.storage) }
    let full = prefix + name
    return place(huggingFace: full).map { (full, $0.row.storage) }
  }
}
