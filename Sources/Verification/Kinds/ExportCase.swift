import Checkpoints
import Exports
import Faults
import Files
import JSON
import LinearAlgebra
import Sessions
import Tensors

/// `export`: an artifact as another program reads it (`formats/golden.md` §4.16).
enum ExportCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let artifact = try context.path("artifact")
    let session = try context.workshop.session(try context.path("base"))
    let (tensors, tolerance) = (try context.tensors(), try golden.tolerance("values"))
    var measurements: [Measurement] = []
    for word in try Numbers.strings(golden.parameters["targets"]) {
      guard let target = ExportTarget(rawValue: word), let file = files[target] else {
        throw golden.parameters["targets"].fault("expected peft or merged")
      }
      let written = try TemporaryFolder.with { (folder) throws(Fault) in
        let place = ExportPlace(
          output: Paths.join(folder, word), target: target, artifact: artifact)
        _ = try Exporter(session: session, options: ExportOptions(target: target, type: .f32))
          .export(artifact, to: place)
        let written = try SafeTensorsFile.open(Paths.join(place.directory, file))
        guard target == .peft else { return try values(of: written) }
        let config = JSONField(
          try JSONValue.parse(
            InputFile(Paths.join(place.directory, "adapter_config.json")).readAll(limit: 1 << 20)),
          code: "GV-EXPORT")
        return try updates(of: written, alpha: try config["lora_alpha"].double())
      }
      let prefix = word + ":"
      let names = tensors.names.filter { $0.hasPrefix(prefix) }
      let missing = names.count { written[String($0.dropFirst(prefix.count))] == nil }
      measurements.append(
        .exact("tensors of \(word)", differences: missing + abs(written.count - names.count)))
      var worst = 0.0
      for name in names {
        let found = written[String(name.dropFirst(prefix.count))] ?? []
        worst = max(worst, Comparison.relative(found, try tensors.doubles(name)))
      }
      measurements.append(Measurement("values of \(word)", error: worst, tolerance: tolerance))
    }
    return .measured(measurements)
  }

  /// The file of the targets that are compared.
  private static let files: [ExportTarget: String] = [
    .peft: "adapter_model.safetensors", .merged: "model.safetensors",
  ]

  /// `(alpha / rank) · B · A` of every module.
  private static func updates(
    of file: SafeTensorsFile, alpha: Double
  ) throws(Fault) -> [String: [Double]] {
    var updates: [String: [Double]] = [:]
    let (prefix, suffix) = ("base_model.model.", ".lora_A.weight")
    for tensor in file.tensors where tensor.name.hasSuffix(suffix) {
      let name = String(tensor.name.dropLast(suffix.count))
      let a = try file.matrix(of: tensor).inDouble
      let b = try file.matrix(of: try file.tensor(name + ".lora_B.weight")).inDouble
      guard a.rows == b.columns, name.hasPrefix(prefix) else {
        throw Fault(
          .badData, "GV-SHAPE", "[\(b.rows), \(b.columns)] times [\(a.rows), \(a.columns)]",
          tensor: tensor.name)
      }
      let scale = alpha / Double(max(a.rows, 1))
      updates[String(name.dropFirst(prefix.count))] = b.times(a).elements.map { scale * $0 }
    }
    return updates
  }

  private static func values(of file: SafeTensorsFile) throws(Fault) -> [String: [Double]] {
    var values: [String: [Double]] = [:]
    for tensor in file.tensors { values[tensor.name] = try file.doubles(of: tensor) }
    return values
  }
}
