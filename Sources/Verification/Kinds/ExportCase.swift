import Checkpoints
import Faults
import Files
import JSON
import Pipeline

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
        return try values(of: SafeTensorsFile.open(Paths.join(place.directory, file)))
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

  private static func values(of file: SafeTensorsFile) throws(Fault) -> [String: [Double]] {
    var values: [String: [Double]] = [:]
    for tensor in file.tensors { values[tensor.name] = try file.doubles(of: tensor) }
    return values
  }
}
