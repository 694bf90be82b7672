import Adapters
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct PEFTWriterTests {
  private func update(_ name: String, rank: Int, scaling: Double) -> LowRankUpdate {
    LowRankUpdate(
      moduleName: name,
      loraA: Matrix(rows: rank, columns: 6, elements: (0..<rank * 6).map { Float($0) / 8 - 1 }),
      loraB: Matrix(rows: 5, columns: rank, elements: (0..<rank * 5).map { 2 - Float($0) / 4 }),
      scaling: scaling)
  }

  /// `s · B · A`.
  private func product(_ update: LowRankUpdate) -> [Double] {
    var result: [Double] = []
    for row in 0..<update.outFeatures {
      for column in 0..<update.inFeatures {
        result.append(
          (0..<update.rank).reduce(0.0) { sum, inner in
            sum + Double(update.loraB[row, inner]) * Double(update.loraA[inner, column])
          } * update.scaling)
      }
    }
    return result
  }

  /// One alpha for all, since some readers know no other: each takes s for alpha over the rank of the pair.
  @Test func mixedRanksAndScalingsReadBack() throws {
    let updates = [
      update("model.layers.0.self_attn.q_proj", rank: 2, scaling: 1),
      update("model.layers.0.self_attn.v_proj", rank: 3, scaling: 1),
      update("model.layers.1.self_attn.q_proj", rank: 2, scaling: 0.25),
      update("model.layers.10.self_attn.q_proj", rank: 2, scaling: 1),
    ]
    try withTemporaryDirectory { (folder) throws in
      let directory = Paths.join(folder, "out/peft")
      try PEFTWriter.write(updates.reversed(), to: directory, baseModelName: "some/base")
      let adapter = try Adapter.open(directory)
      #expect(adapter.updates.map(\.moduleName) == updates.map(\.moduleName))
      for (found, update) in zip(adapter.updates, updates) {
        #expect(found.loraA == update.loraA)
        #expect(found.scaling == 2 / Double(update.rank))
        #expect(relativeError(product(found), product(update)) < 1e-15)
      }
      #expect(adapter.baseModelName == "some/base")
      #expect(adapter.warnings.isEmpty)
      let text = try InputFile(Paths.join(directory, "adapter_config.json")).readAll(limit: 1 << 16)
      let configuration = try JSONValue.parse(text)
      #expect(configuration["r"] == 2)
      #expect(configuration["lora_alpha"] == 2)
      #expect(configuration["rank_pattern"] == ["model.layers.0.self_attn.v_proj": 3])
      #expect(configuration["alpha_pattern"] == [:])
    }
  }

  @Test func demoAdapterSurvivesWritingAndReading() throws {
    let adapter = try Adapter.open(Checkout.path("golden/adapters/clinc-domains-r8"))
    try withTemporaryDirectory { (folder) throws in
      try PEFTWriter.write(
        adapter.updates, to: folder, baseModelName: adapter.baseModelName, dtype: .f16)
      #expect(try Adapter.open(folder).updates == adapter.updates)
    }
  }

  @Test func refusals() throws {
    try withTemporaryDirectory { (folder) throws in
      let empty = fault { () throws(Fault) in
        try PEFTWriter.write([], to: folder, baseModelName: nil)
      }
      #expect(empty?.code == "AD-WRITE")
      let large = LowRankUpdate(
        moduleName: "m", loraA: Matrix(rows: 1, columns: 1, elements: [70_000]),
        loraB: Matrix(rows: 1, columns: 1, elements: [1]), scaling: 1)
      let found = fault { () throws(Fault) in
        try PEFTWriter.write([large], to: folder, baseModelName: nil, dtype: .f16)
      }
      #expect(found?.code == "VAL-RANGE")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }
}
