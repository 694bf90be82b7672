// swift-tools-version: 6.2
import PackageDescription

// One array of settings for every Swift target. Warnings become errors in CI (`XSPRESS_CI=1`).
let isCI = Context.environment["XSPRESS_CI"] != nil
let swiftSettings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (isCI ? [.treatAllWarnings(as: .error)] : [])

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: swiftSettings)
}

func cLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
  name: "XSPress",
  products: [
    .executable(name: "xspress", targets: ["xspress"]),
    // Preloaded by tests; `make build` and `make install` leave it out.
    .library(name: "machine-faults", type: .dynamic, targets: ["MachineFaults"]),
  ],
  dependencies: [
    // The command line: parsing, help, completions.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // SHA-256 and Ed25519.
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    // Batch manifests.
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    // Report pages.
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
  ],
  targets: [
    // C libraries: one module each, imported by exactly one Swift target.
    cLibrary("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
    cLibrary("CLAPACKE", pkgConfig: "lapacke", apt: "liblapacke-dev"),
    cLibrary("CJSONC", pkgConfig: "json-c", apt: "libjson-c-dev"),
    cLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),

    // Kernels in C, for instructions that Swift cannot reach: one source serves every CPU and chooses at run time.
    .target(name: "CKernels", exclude: ["README.md"]),
    // What a process does that is refused memory, which Swift cannot say.
    .target(name: "CAllocation", exclude: ["README.md"]),

    // Layer 0: what everything may use.
    library("Faults", []),
    library("Tensors", []),

    // Layer 1: the machine and the C libraries.
    library(
      "Files", ["Faults", .product(name: "Crypto", package: "swift-crypto")]),
    library(
      "Signatures", ["Faults", "Files", .product(name: "Crypto", package: "swift-crypto")]),
    library("JSON", ["Faults", "CJSONC"]),
    library("Compression", ["Faults", "CZstd"]),
    library("Threads", ["Faults"]),
    // The processes of one job. Its C source is no target: users build it against the MPI library they have.
    .target(
      name: "Ranks", dependencies: ["Faults", "Files"], exclude: ["README.md", "MPI"],
      swiftSettings: swiftSettings),
    library(
      "LinearAlgebra", ["Faults", "Tensors", "Threads", "COpenBLAS", "CLAPACKE", "CKernels"]),

    library("Progress", ["Faults"]),
    library("Patterns", ["Faults"]),

    // Layer 2: foreign formats. Bytes, no mathematics.
    library("Checkpoints", ["Faults", "Files", "JSON", "Tensors", "Threads", "CKernels"]),
    library("Tokenizers", ["Faults", "Files", "JSON", "Patterns", "Checkpoints"]),

    // Layer 3: the domain.
    library(
      "Adapters",
      [
        "Faults", "Files", "JSON", "Patterns", "Tensors", "Threads", "LinearAlgebra", "Checkpoints",
      ]),
    library(
      "Bases", ["Faults", "Files", "JSON", "Tensors", "Threads", "LinearAlgebra", "Checkpoints"]),
    library("Artifacts", ["Faults", "Files", "JSON", "Compression", "Tensors", "Checkpoints"]),
    library(
      "Models",
      ["Faults", "Files", "Tensors", "Threads", "LinearAlgebra", "Checkpoints", "CKernels"]),

    // Layer 4: mathematics over models and adapters.
    library("Projection", ["Faults", "Tensors", "LinearAlgebra", "Adapters", "Bases"]),
    library(
      "Evaluation",
      [
        "Faults", "Files", "JSON", "Tensors", "Ranks", "LinearAlgebra", "Checkpoints", "Models",
        "Tokenizers", .product(name: "Mustache", package: "swift-mustache"),
      ]),
    library(
      "Training",
      [
        "Faults", "Files", "JSON", "Tensors", "Ranks", "LinearAlgebra", "Checkpoints",
        "Tokenizers", "Models", "Bases", "Evaluation",
      ]),

    // What a job may be asked for: one table of options, whoever writes them.
    library(
      "Recipes",
      [
        "Faults", "Files", "JSON", "LinearAlgebra", "Adapters", "Artifacts", "Bases", "Models",
        "Projection", "Training", .product(name: "Yams", package: "Yams"),
      ]),

    // Layer 5: what people read, and the order of the work.
    library(
      "Reports",
      [
        "Faults", "Files", "JSON", "Threads",
        .product(name: "Mustache", package: "swift-mustache"),
      ]),
    library(
      "Sessions",
      [
        "Faults", "Files", "JSON", "Tensors", "Threads", "Ranks", "LinearAlgebra", "Checkpoints",
        "Tokenizers", "Adapters", "Bases", "Models", "Evaluation", "Training", "Progress",
        "Recipes",
      ]),
    library(
      "Pipeline",
      [
        "Faults", "Files", "JSON", "Tensors", "Threads", "Ranks", "LinearAlgebra", "Checkpoints",
        "Adapters", "Bases", "Artifacts", "Models", "Projection", "Evaluation", "Training",
        "Progress", "Recipes", "Reports", "Sessions",
      ]),
    library(
      "Exports",
      [
        "Faults", "Files", "JSON", "Tensors", "LinearAlgebra", "Checkpoints", "Tokenizers",
        "Adapters", "Bases", "Artifacts", "Models", "Progress", "Recipes", "Reports", "Sessions",
        "Pipeline",
      ]),
    library(
      "Tools",
      [
        "Faults", "Files", "JSON", "Tensors", "LinearAlgebra", "Checkpoints", "Adapters", "Bases",
        "Artifacts", "Models", "Evaluation", "Training", "Progress", "Recipes", "Reports",
        "Signatures", "Sessions", "Pipeline",
      ]),
    library(
      "Fleet",
      [
        "Faults", "Files", "JSON", "Threads", "LinearAlgebra", "Checkpoints", "Models", "Training",
        "Adapters", "Artifacts", "Sessions", "Pipeline", "Tools", "Progress", "Recipes", "Reports",
        "Signatures",
      ]),
    library(
      "Verification",
      [
        "Faults", "Files", "JSON", "Tensors", "LinearAlgebra", "Checkpoints", "Tokenizers",
        "Adapters", "Bases", "Artifacts", "Models", "Projection", "Evaluation", "Training",
        "Progress", "Recipes", "Reports", "Sessions", "Pipeline", "Exports", "Tools",
      ]),

    // The tool.
    .executableTarget(
      name: "xspress",
      dependencies: [
        "CAllocation", "Faults", "Files", "JSON", "Tensors", "LinearAlgebra", "Checkpoints",
        "Adapters", "Artifacts", "Bases", "Projection", "Ranks", "Training", "Sessions",
        "Pipeline", "Exports", "Tools", "Fleet",
        "Progress", "Recipes", "Reports", "Signatures", "Verification",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      exclude: ["README.md"], swiftSettings: swiftSettings),

    // What `make bench` measures beside its peers; not part of the product.
    .executableTarget(
      name: "xspress-bench",
      dependencies: [
        "Faults", "Files", "JSON", "Tensors", "Threads", "LinearAlgebra", "Checkpoints",
        "Tokenizers", "Adapters", "Bases", "Models", "Projection", "Evaluation", "Recipes",
        "Training",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Benchmarks",
      exclude: ["README.md", "NOTES.md", "bench.py", "harness.py", "plot.py", "peers"],
      swiftSettings: swiftSettings),

    // Tests.
    .target(
      name: "TestSupport",
      dependencies: ["Faults", "Files", "JSON", "Tensors", "Checkpoints", "Ranks"],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    // Jobs on the tiny model, for the tests of what runs them.
    .target(
      name: "PipelineSupport",
      dependencies: [
        "Bases", "Files", "Pipeline", "Progress", "Projection", "Recipes", "Reports", "Sessions",
        "TestSupport", "Training",
      ],
      path: "Tests/PipelineSupport", swiftSettings: swiftSettings),
    // A value for every option, for the tests that try them all.
    .target(
      name: "RecipeSamples", dependencies: ["Recipes"], path: "Tests/RecipeSamples",
      swiftSettings: swiftSettings),
    // Calls of the C library that fail when a test says so.
    .target(name: "MachineFaults", path: "Tests/MachineFaults"),
    // What a run of the tool had resident at most, for the corpus of bad inputs.
    .executableTarget(
      name: "peak-memory", path: "Tests/PeakMemory", swiftSettings: swiftSettings),
    // Many small files read in one process, for the cross-check against other readers.
    .executableTarget(
      name: "read-many", dependencies: ["Adapters", "Checkpoints", "Faults", "Files"],
      path: "Tests/Differential", swiftSettings: swiftSettings),
    tests("FaultsTests", ["Faults"]),
    tests("TensorsTests", ["Tensors"]),
    tests("FilesTests", ["Files", "Faults"]),
    tests("SignaturesTests", ["Signatures", "Faults", "Files"]),
    tests("JSONTests", ["JSON", "Faults"]),
    tests("CompressionTests", ["Compression", "Faults", "Tensors"]),
    tests("ProgressTests", ["Faults", "Progress"]),
    tests("ThreadsTests", ["Threads", "Faults"]),
    tests("RanksTests", ["Ranks", "Faults"]),
    tests("LinearAlgebraTests", ["LinearAlgebra", "Tensors", "Threads"]),
    tests("CheckpointsTests", ["Checkpoints", "Files", "Faults", "JSON", "Tensors"]),
    tests("TokenizersTests", ["Tokenizers", "Checkpoints", "Faults", "Files", "JSON"]),
    // What concerns several formats: the traps, the support matrix, the examples of the pages.
    tests(
      "FormatsTests",
      [
        "Adapters", "Artifacts", "Bases", "Checkpoints", "Exports", "Faults", "Files", "JSON",
        "Pipeline", "Recipes", "Sessions", "Tensors", "Tokenizers", "Tools",
      ]),
    tests("AdaptersTests", ["Adapters", "Checkpoints", "Files", "Faults", "JSON", "Tensors"]),
    tests(
      "BasesTests",
      ["Bases", "Checkpoints", "LinearAlgebra", "Files", "Faults", "JSON", "Tensors", "Threads"]),
    tests(
      "ArtifactsTests",
      ["Artifacts", "Checkpoints", "Compression", "Files", "Faults", "JSON", "Tensors"]),
    tests(
      "ModelsTests",
      [
        "Models", "Checkpoints", "Tokenizers", "LinearAlgebra", "Faults", "Files", "JSON",
        "Tensors",
        "Threads",
      ]),
    tests(
      "ProjectionTests",
      ["Projection", "Adapters", "Bases", "Checkpoints", "LinearAlgebra", "Faults", "Tensors"]),
    tests(
      "EvaluationTests",
      ["Evaluation", "Models", "Checkpoints", "Tokenizers", "Files", "Faults", "JSON", "Tensors"]),
    tests(
      "TrainingTests",
      [
        "Training", "LinearAlgebra", "Models", "Bases", "Checkpoints", "Evaluation", "Faults",
        "Files", "JSON", "Ranks", "Tensors", "Tokenizers",
      ]),
    tests("ReportsTests", ["Reports", "Files", "JSON", "Faults", "Tensors"]),
    tests(
      "SessionsTests",
      [
        "Pipeline", "PipelineSupport", "Sessions", "Adapters", "Artifacts", "Bases", "Checkpoints",
        "Evaluation", "Models", "Training", "Progress", "Projection", "Recipes", "Reports",
        "Faults",
        "Files", "JSON",
      ]),
    tests(
      "PipelineTests",
      [
        "Pipeline", "PipelineSupport", "Sessions", "Adapters", "Artifacts", "Bases", "Checkpoints",
        "Evaluation", "Models", "Training", "Progress", "Projection", "Recipes", "Reports",
        "Faults",
        "Files", "JSON", "LinearAlgebra",
      ]),
    tests(
      "ExportsTests",
      [
        "Exports", "Pipeline", "PipelineSupport", "Sessions", "Adapters", "Artifacts", "Bases",
        "Checkpoints",
        "Evaluation", "Models", "Training", "Progress", "Projection", "Recipes", "Reports",
        "Faults",
        "Files", "JSON",
      ]),
    tests(
      "ToolsTests",
      [
        "Tools", "Exports", "Pipeline", "PipelineSupport", "Sessions", "Adapters", "Artifacts",
        "Bases", "Checkpoints",
        "Evaluation", "Models", "Training", "Progress", "Projection", "Recipes", "Reports",
        "Faults",
        "Files", "JSON",
      ]),
    tests(
      "RecipesTests",
      [
        "Recipes", "RecipeSamples", "Adapters", "Artifacts", "Bases", "Projection", "Training",
        "Faults", "Files", "JSON",
      ]),
    tests(
      "FleetTests",
      [
        "Fleet", "Faults", "Files", "JSON", "Bases", "Projection", "Recipes", "Reports",
      ]),
    tests("VerificationTests", ["Verification", "Faults", "Files", "JSON"]),
    tests(
      "xspressTests",
      [
        "Adapters", "Artifacts", "Checkpoints", "Compression", "Faults", "Files", "JSON",
        "LinearAlgebra", "Recipes", "RecipeSamples", "Tensors",
        "xspress", "peak-memory",
      ]),
  ]
)

// What `make fuzz-short` builds, with libFuzzer and AddressSanitizer in every module; part of no other build.
if Context.environment["XSPRESS_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "xspress-fuzz",
      dependencies: [
        "Adapters", "Artifacts", "Bases", "Checkpoints", "Compression", "Evaluation", "Faults",
        "Files", "JSON", "Recipes", "Reports", "Signatures", "Tensors", "Tokenizers", "Training",
      ], path: "Tests/Fuzz", exclude: ["fuzz.sh"],
      swiftSettings: swiftSettings))
}

// What `make sanitize` builds under ThreadSanitizer: these suites and what they need, since all of it takes an hour.
if let names = Context.environment["XSPRESS_SUITES"] {
  var wanted: Set<String> = []
  var next = names.split(separator: " ").map(String.init)
  while let name = next.popLast() {
    guard wanted.insert(name).inserted,
      let target = package.targets.first(where: { $0.name == name })
    else { continue }
    for case .byNameItem(let name, _) in target.dependencies { next.append(name) }
  }
  package.targets.removeAll { !wanted.contains($0.name) }
  package.products = []
}
