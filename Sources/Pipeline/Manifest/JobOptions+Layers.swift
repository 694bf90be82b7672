import Adapters
import Artifacts
import Bases
import Faults
import Yams

extension JobOptions {
  private static let starts = ["zero", "projected", "calibrated", "kfac"]

  /// The options of one adapter, each from the layer that decides it.
  ///
  /// - Throws: 65 `MF-VALUE` or `MF-TYPE` naming the field; a job without rank, budget or
  ///   min_retained is refused.
  init(_ layers: OptionLayers, _ resolver: PathResolver) throws(Fault) {
    directions = try layers.word("directions", ["selected", "top", "own"])
    target = directions == "own" ? try JobOptions.ownTarget(layers) : try JobOptions.target(layers)
    format = try layers.word("format", AdapterDialect.allCases.map(\.rawValue))
    dora = try layers.word("dora", MagnitudeHandling.allCases.map(\.rawValue))
    candidates = try layers.integer("candidates", 1...1_000_000)
    form = try layers.word("form", JobRequest.Form.allCases.map(\.rawValue))
    allocation = try layers.word("allocation", ["energy", "uniform"])
    method = try layers.word("method", ["projected", "calibrated", "kfac"])
    store = try layers.word("store", LatentStorage.allCases.map(\.rawValue))
    residual = try JobOptions.residual(layers)
    carryStore = try layers.word("carry_store", ["f32", "f16", "bf16", "int8"])
    embedsBases =
      try layers.value("embed_bases") { f throws(Fault) in try f.bool("embed_bases") } ?? false
    seed = try layers.integer("seed", 0...Int.max) ?? 0
    calibration = try layers.mapping("calibrate", allowed: ["data", "limit"]).map {
      (inner) throws(Fault) in try JobOptions.examples(inner, resolver)
    }
    evaluation = try layers.mapping("evaluate", allowed: ["data", "limit", "skip"]).map {
      (inner) throws(Fault) in
      DataChoice(
        path: try JobOptions.dataPath(inner, resolver),
        limit: try inner.integer("limit", 1...1_000_000_000),
        skip: try inner.integer("skip", 0...1_000_000_000) ?? 0)
    }
    ownTexts = try JobOptions.ownTexts(layers, resolver)
    tuning = try JobOptions.tuning(layers, resolver)
    controls = try JobOptions.controls(layers)
    if case .rank(let rank) = target, rank.output == 0, residual == nil {
      throw Fault(
        .badData, "MF-VALUE", "\(layers.own.place): rank 0 leaves nothing without a residual")
    }
    if target.hasMinimum, tuning == nil {
      throw Fault(
        .badData, "MF-VALUE",
        "\(layers.own.place): min_retained needs tune, whose validation split decides it")
    }
  }

  private static let sizes = ["rank", "budget", "min_retained"]

  /// Own directions have the adapter's ranks: a size in the defaults is for the others.
  private static func ownTarget(_ layers: OptionLayers) throws(Fault) -> Target {
    let fields = layers.own
    if let key = sizes.first(where: { fields.node($0) != nil && !fields.isNull($0) }) {
      throw fields.refusal(
        key, "MF-VALUE", "stands beside directions: own, which have the adapter's ranks")
    }
    return .own
  }

  /// Exactly one of the three, or a budget with a minimum; the adapter's own choice replaces the defaults' whichever it
  /// is.
  private static func target(_ layers: OptionLayers) throws(Fault) -> Target {
    for fields in [layers.own, layers.defaults].compactMap(\.self) {
      let given = sizes.filter { fields.node($0) != nil && !fields.isNull($0) }
      guard given.count <= 1 || given == ["budget", "min_retained"] else {
        throw fields.refusal(given[1], "MF-VALUE", "stands beside \(given[0]); choose one")
      }
      if let text = try fields.plain("rank") {
        guard let rank = LatentRank(text) else {
          throw fields.refusal(
            "rank", "MF-VALUE", "\"\(text)\" is neither a whole number nor two such as 32x8")
        }
        return .rank(rank)
      }
      let share = try fields.number("min_retained", in: 0.001...1)
      if let text = try fields.string("budget") {
        do {
          return .budget(bytes: try ByteSize.parse(text), minRetained: share)
        } catch {
          throw fields.refusal("budget", "MF-VALUE", error.reason)
        }
      }
      if let share { return .minRetained(share) }
    }
    throw Fault(
      .badData, "MF-VALUE", "\(layers.own.place): needs one of rank, budget, min_retained")
  }

  private static func residual(_ layers: OptionLayers) throws(Fault) -> JobRequest.Residual? {
    let words = JobRequest.Residual.Bits.allCases.map(\.rawValue)
    let bits = try layers.word("residual_store", words).flatMap {
      JobRequest.Residual.Bits(rawValue: $0)
    }
    let size = try layers.value("residual") { fields throws(Fault) -> JobRequest.Residual.Size? in
      guard let text = try fields.plain("residual") else { return nil }
      guard let size = JobRequest.Residual.Size(text) else {
        throw fields.refusal(
          "residual", "MF-VALUE", "\"\(text)\" is neither a number of pairs nor a size such as 64KB"
        )
      }
      return size
    }
    return size.map { JobRequest.Residual(size: $0, bits: bits) }
  }

  /// A file of examples, or `self`.
  private static func examples(
    _ inner: OptionLayers, _ resolver: PathResolver
  ) throws(Fault) -> ExamplesChoice {
    let isOwn = try inner.value("data") { f throws(Fault) in try f.string("data") } == "self"
    return ExamplesChoice(
      path: isOwn ? nil : try dataPath(inner, resolver),
      limit: try inner.integer("limit", 1...1_000_000_000))
  }

  private static func dataPath(
    _ inner: OptionLayers, _ resolver: PathResolver
  ) throws(Fault) -> String {
    guard let path = try path("data", inner, resolver) else {
      throw Fault(.badData, "MF-VALUE", "\(inner.own.place): data is missing")
    }
    return path
  }

  private static func path(
    _ key: String, _ layers: OptionLayers, _ resolver: PathResolver
  ) throws(Fault) -> String? {
    try layers.value(key) { fields throws(Fault) -> String? in
      guard let text = try fields.string(key) else { return nil }
      return try resolver.path(text, in: fields, key)
    }
  }

  private static func ownTexts(
    _ layers: OptionLayers, _ resolver: PathResolver
  ) throws(Fault) -> OwnTexts? {
    let allowed = ["openings", "texts", "length", "writer", "temperature", "top_p"]
    guard let inner = try layers.mapping("self", allowed: allowed) else { return nil }
    return OwnTexts(
      openingsPath: try path("openings", inner, resolver),
      count: try inner.integer("texts", 1...10_000_000),
      length: try inner.integer("length", 1...1_000_000),
      writer: try inner.word("writer", ["base", "adapter"]),
      temperature: try inner.number("temperature", 0.01...100),
      topP: try inner.number("top_p", 0.001...1))
  }

  private static func tuning(
    _ layers: OptionLayers, _ resolver: PathResolver
  ) throws(Fault) -> Tuning? {
    let allowed = [
      "data", "limit", "objective", "init", "coordinates", "steps", "batch_size", "lr",
      "lr_search", "warmup", "validation", "checkpoint_every", "quantized_steps", "precision",
      "recompute", "residual", "patience", "seed",
    ]
    guard let inner = try layers.mapping("tune", allowed: allowed) else { return nil }
    var tuning = Tuning(data: try examples(inner, resolver))
    tuning.objective = try inner.word("objective", ["kd", "ce", "mix"])
    tuning.start = try inner.word("init", starts)
    tuning.coordinates = try inner.word("coordinates", ["plain", "whitened"])
    tuning.steps = try inner.integer("steps", 1...10_000_000)
    tuning.batchSize = try inner.integer("batch_size", 1...65_536)
    tuning.learningRate = try inner.number("lr", 1e-9...1e3)
    tuning.searchesLearningRate = try inner.value("lr_search") { f throws(Fault) in
      try f.bool("lr_search")
    }
    if tuning.searchesLearningRate == true, tuning.learningRate != nil {
      throw Fault(.badData, "MF-VALUE", "\(inner.own.place): lr stands beside lr_search: true")
    }
    tuning.warmup = try inner.integer("warmup", 0...10_000_000)
    tuning.checkpointEvery = try inner.integer("checkpoint_every", 1...10_000_000)
    tuning.quantizedSteps = try inner.integer("quantized_steps", 0...10_000_000)
    tuning.precision = try inner.word("precision", ["float32", "bfloat16"])
    tuning.recomputes = try inner.value("recompute") { f throws(Fault) in
      try f.bool("recompute")
    }
    tuning.tunesResidual = try inner.value("residual") { f throws(Fault) in
      try f.bool("residual")
    }
    tuning.patience = try inner.integer("patience", 1...10_000)
    tuning.seed = try inner.integer("seed", 0...Int.max)
    if let fields = inner.deciding("validation"), let text = try fields.string("validation") {
      // A number is a share; anything else is a file.
      if Double(text) != nil {
        tuning.validationShare = try fields.number("validation", in: 0...0.9)
      } else {
        tuning.validationPath = try resolver.path(text, in: fields, "validation")
      }
    }
    return tuning
  }

  private static func controls(_ layers: OptionLayers) throws(Fault) -> [Control] {
    guard let fields = layers.deciding("controls"), let node = fields.node("controls") else {
      return []
    }
    let words = Control.allCases.map(\.rawValue).joined(separator: ", ")
    var controls: [Control] = []
    for item in node.sequence ?? [] {
      guard let word = item.scalar?.string, let control = Control(rawValue: word),
        !controls.contains(control)
      else {
        throw fields.refusal("controls", "MF-VALUE", "must be a list of \(words), each once")
      }
      controls.append(control)
    }
    guard node.sequence != nil else {
      throw fields.refusal("controls", "MF-TYPE", "must be a list of \(words)")
    }
    return controls
  }
}

extension JobOptions.Target {
  /// Whether a share of the LoRA's gain has to be retained.
  fileprivate var hasMinimum: Bool {
    switch self {
    case .minRetained, .budget(_, minRetained: .some): true
    case .rank, .own, .budget: false
    }
  }
}
