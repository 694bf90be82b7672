import Artifacts
import Bases
import JSON
import Testing
import Tools

/// The arithmetic of the LoRA-XS paper (arXiv 2405.17604): numbers of its tables, and its example of a million models.
@Suite struct SizeEstimateTests {
  /// Table of instruction tuning: Mistral-7B and Gemma-7B, all linear modules.
  @Test(arguments: [
    (ArchitectureShapes.mistral7B, 64, 917_504), (.mistral7B, 32, 229_376),
    (.mistral7B, 16, 57_344), (.llama7B, 64, 917_504), (.llama7B, 16, 57_344),
    (.gemma7B, 64, 802_816), (.gemma7B, 32, 200_704), (.gemma7B, 16, 50_176),
  ])
  func latentsOfSevenBillion(shapes: ArchitectureShapes, rank: Int, numbers: Int) {
    let estimate = SizeEstimate(
      shapes.modules(loraRank: 64), rank: .init(rank), storage: .f16)
    #expect(estimate.parameters == numbers)
  }

  /// Its LoRA of rank 64 has 168 M numbers on Mistral-7B, 200 M on Gemma-7B: more than a hundred times as many.
  @Test(arguments: [
    (ArchitectureShapes.mistral7B, 167_772_160), (.gemma7B, 200_015_872),
  ])
  func lorasOfSevenBillion(shapes: ArchitectureShapes, numbers: Int) {
    let estimate = SizeEstimate(shapes.modules(loraRank: 64), rank: 64, storage: .f16)
    #expect(estimate.loraParameters == numbers)
    #expect(estimate.loraParameters / estimate.parameters > 100)
  }

  /// A million GPT-3 adapters of rank 16 on queries and values: 144 TB as LoRA, 96 GB as LoRA-XS, 1,536 times less; the
  /// paper's units are powers of 1,024 for one and of 1,000 for the million.
  @Test func aMillionModels() throws {
    let modules = ArchitectureShapes.gpt3.modules(targets: ["q_proj", "v_proj"], loraRank: 16)
    let estimate = SizeEstimate(modules, rank: 16, storage: .f16)
    let json = estimate.json(count: 1_000_000)
    #expect(json["lora_f16_bytes"]?.intValue == 144 << 20)
    #expect(json["latent_f16_bytes"]?.intValue == 96 << 10)
    #expect(estimate.loraParameters / estimate.parameters == 1536)
    #expect(json["total_latent_f16_bytes"]?.intValue == 98_304_000_000)
  }

  @Test func budgetsBecomeRanks() {
    let modules = ArchitectureShapes.llama7B.modules(loraRank: 16)
    for budget in [100_000, 1_000_000, 10_000_000] {
      let estimate = SizeEstimate(modules, budget: budget, storage: .int8)
      let next = SizeEstimate(
        modules, rank: .init(estimate.rank.output + 1), storage: .int8)
      #expect(estimate.artifactBytes <= budget && next.artifactBytes > budget)
    }
    #expect(SizeEstimate(modules, budget: 100, storage: .int8).rank == 0)
  }
}
