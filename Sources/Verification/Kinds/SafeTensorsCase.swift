import Checkpoints
import Faults
import Files
import JSON

/// `safetensors`: which small files are accepted, and what they hold (`formats/golden.md` §4.9).
enum SafeTensorsCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let folder = try context.path("files")
    var wrongVerdicts: [String] = []
    var wrongContents: [String] = []
    for (name, field) in try context.golden.expected["files"].fields() {
      let path = Paths.join(folder, name + ".safetensors")
      let accepts = try field["ours"].string() == "accept"
      do throws(Fault) {
        let file = try SafeTensorsFile.open(path)
        if !accepts {
          wrongVerdicts.append(name)
        } else if try !matches(file, field["tensors"]) {
          wrongContents.append(name)
        }
      } catch {
        // Damaged or unsupported content is a verdict; failing to read is not.
        guard error.kind == .badData || error.kind == .unsupported else { throw error }
        if accepts { wrongVerdicts.append(name) }
      }
    }
    if let first = wrongVerdicts.first ?? wrongContents.first {
      let count = wrongVerdicts.count + wrongContents.count
      throw Fault(
        .badData, "GV-VERDICT", "\(count) files read otherwise, the first is \(first)", path: folder
      )
    }
    return .measured([
      .exact("verdicts", differences: wrongVerdicts.count),
      .exact("contents", differences: wrongContents.count),
    ])
  }

  private static func matches(
    _ file: SafeTensorsFile, _ expected: JSONField
  ) throws(Fault) -> Bool {
    let fields = try expected.fields()
    guard fields.count == file.tensors.count else { return false }
    for (name, field) in fields {
      guard let tensor = file[name] else { return false }
      let digest = SHA256Digest.of(try file.bytes(of: tensor)).hex
      guard tensor.dtypeName == (try field["dtype"].string()),
        tensor.shape == (try Numbers.integers(field["shape"])),
        digest == (try field["sha256"].string())
      else { return false }
    }
    return true
  }
}
