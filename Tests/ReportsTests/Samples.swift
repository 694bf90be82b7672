import Reports
import Tensors

/// Records to write reports from: figures like those of the demo, and awkward ones.
enum Samples {
  static let machine = "4 x86-64 cores, AVX2; 15.6 GiB; OpenBLAS 0.3.21"

  static let kinds = [
    ("self_attn.q_proj", 576, 576), ("self_attn.k_proj", 192, 576), ("self_attn.v_proj", 192, 576),
    ("self_attn.o_proj", 576, 576), ("mlp.gate_proj", 1536, 576), ("mlp.up_proj", 1536, 576),
    ("mlp.down_proj", 576, 1536),
  ]

  static func modules(layers: Int, seed: UInt64) -> [ModuleRecord] {
    var generator = SeededGenerator(seed: seed)
    return (0..<layers).flatMap { layer in
      kinds.enumerated().map { index, kind in
        let energy = 0.002 + 0.03 * generator.uniform() * Double(1 + index % 3)
        return ModuleRecord(
          name: "model.layers.\(layer).\(kind.0)", outFeatures: kind.1, inFeatures: kind.2,
          loraRank: 8, outputRank: 16, inputRank: 16, capturedEnergy: energy,
          weightedCapturedEnergy: min(energy * (6 + 6 * generator.uniform()), 0.98), bytes: 352)
      }
    }
  }

  static func tuning(steps: Int, seed: UInt64) -> TuningRecord {
    var generator = SeededGenerator(seed: seed)
    var loss = 1.9
    let train = (1...max(steps, 1)).map { step in
      loss = loss * 0.985 + 0.002
      return TuningRecord.Point(step: step, loss: loss * (0.85 + 0.3 * generator.uniform()))
    }
    let validation = stride(from: 0, through: steps, by: 25).map { step in
      TuningRecord.Point(step: step, loss: train[max(step - 1, 0)].loss * 1.1)
    }
    return TuningRecord(
      settings: [
        Setting("objective", "kd"), Setting("coordinates", "plain"), Setting("learning_rate", 0.03),
        Setting("batch_size", 16), Setting("warmup", 10), Setting("schedule", "linear to zero"),
        Setting("train_examples", 14744), Setting("validation_examples", 256),
      ],
      steps: steps, bestStep: steps - steps % 25, trainLoss: train, validationLoss: validation,
      trials: [
        .init(
          settings: [Setting("learning_rate", 0.01)], steps: 40, validationLoss: 0.31, seconds: 118,
          isChosen: false),
        .init(
          settings: [Setting("learning_rate", 0.03)], steps: 40, validationLoss: 0.142,
          seconds: 121,
          isChosen: true),
        .init(
          settings: [Setting("learning_rate", 0.1)], steps: 40, validationLoss: .nan, seconds: 64,
          isChosen: false),
      ],
      seconds: 1284)
  }

  static func variant(
    _ kind: VariantResult.Kind, _ name: String, _ accuracy: Double, _ nll: Double,
    bytes: Int? = nil, retained: Double? = nil, n: Int = 500
  ) -> VariantResult {
    let half = 1.96 * (accuracy * (1 - accuracy) / Double(n)).squareRoot() + 0.003
    return VariantResult(
      kind: kind, name: name, n: n, accuracy: accuracy,
      accuracyCI95: max(accuracy - half, 0)...min(accuracy + half, 1), nll: nll,
      klToTeacher: kind == .lora ? 0 : nll * 0.6, agreement: accuracy, retainedGain: retained,
      retainedGainCI95: retained.map { ($0 - 0.03)...($0 + 0.03) }, bytes: bytes, seconds: 41.5)
  }

  /// Like the demo's tuned job, with all four controls; one of them wins.
  static func clinc(name: String = "clinc-domains-r8") -> JobRecord {
    JobRecord(
      name: name, state: .done,
      adapter: SourceRecord(
        name: name, path: "golden/adapters/clinc-domains-r8", format: "peft", bytes: 4_938_648,
        sha256: String(repeating: "3fa9", count: 16),
        details: [Setting("rank", 8), Setting("parameters", 2_442_240), Setting("dtype", "F16")]),
      base: SourceRecord(
        name: "smollm2", path: "models/SmolLM2-135M-Instruct.Q4_1.gguf", format: "gguf",
        bytes: 98_362_432, sha256: String(repeating: "b179", count: 16),
        details: [Setting("architecture", "llama")]),
      artifactPath: "\(name).loraxs",
      settings: [
        Setting("rank", 24), Setting("directions", "selected"), Setting("method", "kfac"),
        Setting("store", "int8"),
      ],
      sizes: SizeRecord(
        asShipped: 4_938_648, f16Equivalent: 4_884_480, artifact: 114_532,
        parts: [
          .init(name: "latents", bytes: 120_960), .init(name: "indices", bytes: 20_160),
          .init(name: "scales", bytes: 10_080), .init(name: "singular values", bytes: 20_160),
          .init(name: "metadata", bytes: 3_214),
        ]),
      evaluation: EvaluationRecord(
        data: .init(
          path: "golden/data/clinc-domains/test.jsonl",
          sha256: String(repeating: "77c0", count: 16),
          n: 500),
        variants: [
          variant(.base, "base", 0.196, 9.3055),
          variant(.lora, "LoRA", 0.900, 0.2865, bytes: 4_938_648, retained: 1),
          variant(.start, "start (kfac)", 0.414, 4.365, retained: 0.31),
          variant(.tuned, "tuned", 0.886, 0.322, retained: 0.98),
          variant(.stored, "stored int8", 0.884, 0.3224, bytes: 114_532, retained: 0.977),
          variant(.control, "top directions, tuned", 0.756, 0.772, bytes: 114_532, retained: 0.795),
          variant(.control, "zero start, tuned", 0.862, 0.361, bytes: 114_532, retained: 0.946),
          variant(.control, "random bases, tuned", 0.842, 0.441, bytes: 114_532, retained: 0.918),
          variant(
            .control, "LoRA cut to rank 1, int4", 0.888, 0.312, bytes: 113_204, retained: 0.983),
        ],
        pairs: [
          PairResult(
            a: 1, b: 4, delta: -0.016, deltaCI95: -0.034...0.002, mcnemarP: 0.1153,
            nllDelta: 0.0359, nllDeltaCI95: 0.012...0.061, nllP: 0.004,
            others: [
              .init(.macroF1, delta: -0.014, deltaCI95: -0.031...0.003),
              .init(.matthews, delta: -0.02, deltaCI95: nil),
            ]),
          PairResult(a: 0, b: 4, delta: 0.688, deltaCI95: 0.646...0.728, mcnemarP: 3e-98),
          PairResult(
            a: 5, b: 4, delta: 0.128, deltaCI95: 0.09...0.166, mcnemarP: 2.1e-9, nllDelta: -0.45,
            nllDeltaCI95: -0.56 ... -0.34, nllP: 0.001),
          PairResult(
            a: 6, b: 4, delta: 0.022, deltaCI95: -0.002...0.046, mcnemarP: 0.08, nllDelta: -0.0386,
            nllDeltaCI95: -0.09...0.01, nllP: 0.12),
          PairResult(
            a: 8, b: 4, delta: -0.004, deltaCI95: -0.024...0.016, mcnemarP: 0.83, nllDelta: 0.0104,
            nllDeltaCI95: 0.001...0.02, nllP: 0.012),
        ]),
      modules: modules(layers: 30, seed: 3), tuning: tuning(steps: 300, seed: 5),
      seeds: [Setting("seed", 0), Setting("omega_seed", 1), Setting("bootstrap_seed", 0)],
      stages: [
        Setting("bases", 21.4), Setting("calibration", 61.2), Setting("tuning", 1284.0),
        Setting("evaluation", 207.5),
      ],
      threads: 2, machine: machine, createdBy: "xspress 0.1.0",
      planDigest: String(repeating: "0f", count: 32))
  }

  /// Like the demo's converted job: no tuning, no controls, a start that is worse than the LoRA.
  static func banking(name: String = "banking77-r16") -> JobRecord {
    var job = clinc(name: name)
    job.adapter?.path = "golden/adapters/banking77-r16"
    job.tuning = nil
    job.modules = modules(layers: 30, seed: 9)
    job.sizes = SizeRecord(
      asShipped: 9_823_640, f16Equivalent: 9_768_960, artifact: 263_771,
      parts: [.init(name: "latents", bytes: 215_040), .init(name: "other", bytes: 61_000)])
    job.evaluation = EvaluationRecord(
      data: .init(
        path: "golden/data/banking77/test.jsonl", sha256: String(repeating: "10", count: 32), n: 500
      ),
      variants: [
        variant(.base, "base", 0, 5.9323),
        variant(.lora, "LoRA", 0.89, 0.1076, bytes: 9_823_640, retained: 1),
        variant(.start, "start (kfac)", 0.012, 3.012, retained: 0.013),
        variant(.stored, "stored int8", 0.012, 3.0121, bytes: 263_771, retained: 0.013),
      ],
      pairs: [PairResult(a: 1, b: 3, delta: -0.878, deltaCI95: -0.906 ... -0.85, mcnemarP: 1e-130)])
    job.warnings = ["model.layers.3.self_attn.k_proj: rank 400 is above 192, clipped to 192"]
    return job
  }

  static let awkwardName =
    "<script>alert('x')</script>|`a`*b*_c_ \"q\"\u{301}=cmd()\u{1b}[31m\u{202e}\n"
    + String(repeating: "very-long-name-", count: 8) + "caf\u{e9}"

  /// A name that attacks every format, figures that are not finite, and almost nothing measured.
  static func awkward() -> JobRecord {
    var job = JobRecord(
      name: awkwardName, state: .done,
      adapter: SourceRecord(name: awkwardName, path: awkwardName, format: "peft", bytes: 0),
      sizes: SizeRecord(asShipped: 0, f16Equivalent: 0, artifact: 0),
      evaluation: EvaluationRecord(
        data: .init(path: awkwardName, sha256: "", n: 0),
        variants: [
          VariantResult(kind: .base, name: awkwardName, n: 0, accuracy: .nan, nll: .infinity),
          VariantResult(kind: .stored, name: "=1+1", n: 1, accuracy: 1, nll: 0),
        ]))
    job.modules = [
      ModuleRecord(
        name: awkwardName, outFeatures: 1, inFeatures: 1, loraRank: 1, outputRank: 1, inputRank: 1,
        capturedEnergy: .nan, bytes: 1),
      ModuleRecord(
        name: "model.layers.0.mlp.up_proj", outFeatures: 1, inFeatures: 1, loraRank: 1,
        outputRank: 1, inputRank: 1, capturedEnergy: 1, bytes: 1),
    ]
    job.tuning = TuningRecord(
      settings: [], steps: 1, bestStep: 0, trainLoss: [.init(step: 1, loss: .nan)], seconds: 0)
    job.warnings = [awkwardName]
    return job
  }

  /// The same adapter at four sizes, one of them twice, with controls at equal bytes.
  static func frontier() -> [JobRecord] {
    [(32, 0.81, 0.61), (64, 0.86, 0.43), (128, 0.89, 0.33), (128, 0.887, 0.34), (256, 0.9, 0.29)]
      .enumerated().map { index, figures in
        let (size, accuracy, nll) = figures
        var job = clinc(name: "clinc-\(size)KB-\(index)")
        let bytes = size * 1000 - index
        job.adapter?.name = "clinc-domains-r8"
        job.sizes?.artifact = bytes
        job.evaluation?.variants = [
          variant(.base, "base", 0.196, 9.3055),
          variant(.lora, "LoRA", 0.9, 0.2865, bytes: 4_938_648, retained: 1),
          variant(.stored, "as stored (int4)", accuracy, nll, bytes: bytes),
          variant(.control, "zero start", accuracy - 0.03, nll * 1.2, bytes: bytes),
          variant(
            .control, "LoRA cut to rank \(index + 1), INT4, same bytes", accuracy - 0.05,
            nll * 1.4, bytes: bytes),
          variant(.control, "LoRA cut to rank 1, INT8", 0.88, 0.3378, bytes: 306_120),
        ]
        job.evaluation?.pairs = []
        return job
      }
  }

  static let gate = GateRecord(
    asked: 0.95, retained: 0.962, interval95: 0.91...0.99, rows: 64, size: "rank 16x4", tried: 3)

  /// A job whose artifact did not retain what was asked for.
  static func rejected(_ name: String) -> JobRecord {
    JobRecord(
      name: name, state: .rejected,
      failure: FailureRecord(
        message: "adapters/\(name): retained gain \(gate.sentence): JOB-RETAINED",
        code: "JOB-RETAINED", exitCode: 65), gate: gate)
  }

  /// A job that keeps its LoRA.
  static func kept(_ name: String) -> JobRecord {
    JobRecord(
      name: name, state: .kept,
      sizes: SizeRecord(asShipped: 5000, f16Equivalent: 4900, artifact: 5000), gate: gate)
  }

  /// A job without an adapter.
  static func scratch(_ name: String) -> JobRecord {
    var job = clinc(name: name)
    job.adapter = nil
    job.sizes?.asShipped = nil
    job.sizes?.f16Equivalent = nil
    for index in job.modules.indices {
      job.modules[index].loraRank = nil
      job.modules[index].capturedEnergy = nil
      job.modules[index].weightedCapturedEnergy = nil
    }
    let names = ["base", "start (zero)", "tuned", "as stored (int8)"]
    let kinds: [VariantResult.Kind] = [.base, .start, .tuned, .stored]
    job.evaluation?.pairs = []
    job.evaluation?.variants = zip(kinds, names).enumerated().map { index, variant in
      VariantResult(
        kind: variant.0, name: variant.1, n: 500, accuracy: [0.2, 0.2, 0.8, 0.79][index],
        nll: [9.25, 9.25, 0.5, 0.51][index], bytes: index == 3 ? 114_532 : nil)
    }
    return job
  }

  static func failed(_ name: String) -> JobRecord {
    JobRecord(
      name: name, state: .failed,
      failure: FailureRecord(
        message:
          "adapters/\(name)/adapter_model.safetensors: tensor \"base_model.model.x.lora_Q.weight\": "
          + "unknown tensor: AD-TENSOR",
        code: "AD-TENSOR", exitCode: 65))
  }
}
