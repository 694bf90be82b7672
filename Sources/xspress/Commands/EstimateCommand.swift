import Adapters
public import ArgumentParser
public import Artifacts
public import Bases
import Checkpoints
import Faults
import Recipes
import Reports
import Sessions
import Tools

/// `xspress estimate`.
struct EstimateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "estimate",
    abstract: "Says what artifacts would take, without converting anything.",
    discussion: """
      EXAMPLES
        xspress estimate --base model.gguf --adapter my-lora --rank 16
        xspress estimate --arch llama-7b --lora-rank 64 --rank 16 --adapters 1000000
        xspress estimate --arch gpt3-175b --modules q_proj,v_proj \\
          --lora-rank 16 --rank 16 --adapters 1000000
      """)

  @Option(help: "The base model; with --adapter.")
  var base: String?

  @Option(help: "The adapter; with --base.")
  var adapter: String?

  @Option(
    help: ArgumentHelp(
      "A model by name: \(ArchitectureShapes.allCases.map(\.rawValue).joined(separator: ", "))."))
  var arch: ArchitectureShapes?

  @Option(help: "With --arch or --base alone: rank of the LoRA.")
  var loraRank = 16

  @Option(help: "With --arch or --base alone: modules that it changes, such as q_proj,v_proj.")
  var modules: String?

  @Option(help: "Directions a side, such as 16 or 32x8.")
  var rank: LatentRank?

  @Option(help: "Largest artifact, such as 64KB.")
  var budget: String?

  @Option(help: "f32, f16, bf16, int8, int4, int3 or int2.")
  var store = LatentStorage.int8

  @Option(help: "How many adapters.")
  var adapters = 1

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    guard (rank == nil) != (budget == nil) else {
      throw ValidationError("either --rank or --budget is needed")
    }
    guard (arch == nil) != (base == nil) else {
      throw ValidationError("either --arch or --base is needed")
    }
    if adapter != nil, base == nil { throw ValidationError("--adapter needs --base") }
    guard (1...65536).contains(loraRank) else {
      throw ValidationError("--lora-rank must be in 1...65536")
    }
    guard (1...1_000_000_000).contains(adapters) else {
      throw ValidationError("--adapters must be in 1...1000000000")
    }
  }

  func run() throws {
    let shapes = try shapes()
    guard !shapes.isEmpty else {
      throw Fault(.usage, "ESTIMATE", "no module of that name: \(modules ?? "")")
    }
    let estimate: SizeEstimate
    if let budget {
      estimate = SizeEstimate(shapes, budget: try ByteSize.parse(budget), storage: store)
    } else {
      estimate = SizeEstimate(shapes, rank: rank ?? 16, storage: store)
    }
    if json { return try StandardOutput.write(estimate.json(count: adapters)) }
    func row(_ name: String, _ numbers: Int, _ bytes: Int) -> [String] {
      let total = Double(bytes) * Double(adapters)
      return [
        name, Numerals.grouped(numbers), Numerals.bytes(bytes),
        Numerals.bytes(total < 9e18 ? Int(total) : .max),
        Numerals.ratio(Double(2 * estimate.loraParameters) / Double(max(bytes, 1))),
      ]
    }
    let table = TextTable.text(
      ["", "numbers", "bytes", "of \(Numerals.grouped(adapters))", "smaller"],
      [
        row("LoRA in F16", estimate.loraParameters, 2 * estimate.loraParameters),
        row("latents in F16", estimate.parameters, 2 * estimate.parameters),
        row("artifact in \(store.rawValue), about", estimate.parameters, estimate.artifactBytes),
      ])
    try StandardOutput.write(
      "\(shapes.count) modules, rank \(estimate.rank)\n\n" + table)
  }

  private func shapes() throws -> [SizeEstimate.Module] {
    let targets = (modules ?? "").split(separator: ",").map(String.init)
    if let arch { return arch.modules(targets: targets, loraRank: loraRank) }
    guard let base else { return [] }
    let checkpoint = try BaseCheckpoint.open(base)
    if let adapter {
      let matched = try MatchedAdapter(
        try Adapter.open(adapter, memory: try shared.memoryBudget()), base: checkpoint)
      return zip(matched.modules, matched.updates).map {
        SizeEstimate.Module(
          outFeatures: $0.outFeatures, inFeatures: $0.inFeatures, loraRank: $1.rank)
      }
    }
    return checkpoint.linearModules.filter { module in
      // `q_proj` of `model.layers.0.self_attn.q_proj`.
      targets.isEmpty || targets.contains { module.name.hasSuffix(".\($0)") }
    }.map {
      SizeEstimate.Module(
        outFeatures: $0.outFeatures, inFeatures: $0.inFeatures, loraRank: loraRank)
    }
  }
}

extension ArchitectureShapes: ExpressibleByArgument {}
extension LatentStorage: ExpressibleByArgument {}

extension LatentRank: ExpressibleByArgument {
  /// Reads `16` or `32x8`; nil for anything else.
  public init?(argument: String) { self.init(argument) }
}
