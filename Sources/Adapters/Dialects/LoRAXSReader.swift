import Checkpoints
import Faults
import Tensors

/// Reads the LoRA-XS authors' checkpoints: `ΔW = s · B · R · A` (`formats/adapters.md` §8).
enum LoRAXSReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    let configuration = try PEFTReader.configuration(of: files)
    guard !configuration.isAdaptive, configuration.qaLoRAGroup == nil else {
      throw Fault(
        .unsupported, "AD-TYPE", "LoRA-XS latents beside AdaLoRA or QALoRA",
        path: files.configurationPath)
    }
    // The authors' GLUE checkpoints save the classifier whole.
    try configuration.requirePlain(except: "modules_to_save")
    var reading = AdapterReading(
      warnings: configuration.warnings, baseModelName: configuration.baseModelName)
    let source = files.source
    let entries = try PEFTReader.table(source.tensors, &reading).ordered()
    try PEFTOtherParts.checkNamed(entries, configuration, &reading)
    for entry in try PEFTReader.targeted(entries, configuration.targets, &reading) {
      if try PEFTOtherParts.readWhole(entry, source, &reading) { continue }
      // Without its latent, s·B·A would amplify the base's strongest directions.
      let latent = try source.matrix(try entry.required("lora_latent_mapping"))
      let (a, b) = try PEFTReader.pair(
        try entry.required("lora_A"), try entry.required("lora_B"), source, module: entry.module)
      if let other = entry.parts.first(where: {
        !["lora_A", "lora_B", "lora_latent_mapping"].contains($0.key)
      }) {
        throw Fault(
          .unsupported, "AD-TENSOR", "is no part of a LoRA-XS module", tensor: other.value.name)
      }
      let expected = try configuration.rank(of: entry.module)
      guard latent.rows == a.rows, latent.columns == a.rows,
        a.rows == expected
      else {
        throw Fault(
          .badData, "AD-RANK",
          "latent [\(latent.rows), \(latent.columns)], factors of rank \(a.rows), "
            + "\(expected) in the configuration", tensor: entry.module)
      }
      try reading.add(
        entry.module, a: a, b: b.exactProduct(latent),
        scaling: try configuration.scaling(of: entry.module), relation: .frozen(b.elements))
    }
    return reading
  }
}
