import Foundation
import Models
import Tensors
import Testing

@Suite struct SamplingTests {
  private func continuations(
    _ model: TinyModel, _ prompts: [[Int32]], limits: [Int], options: SamplingOptions,
    stops: Set<Int32> = []
  ) throws -> [[Int32]] {
    let requests = prompts.indices.map { index in
      TokenSampler.Request(
        prompt: prompts[index], limit: limits[index], stops: stops,
        generator: SeededGenerator(seed: 4, stream: UInt64(index + 1)))
    }
    return try TokenSampler(
      Decoder(weights: model.weights, updates: model.updates, threads: 1), options: options
    ).continuations(requests)
  }

  /// Sequences of unequal length that end at different times follow the Float64 reference, token by token.
  @Test func theSmallestNucleusIsGreedyDecoding() throws {
    let model = try TinyModel(seed: 21)
    let prompts: [[Int32]] = [[5, 17, 3], [9], [1, 2, 3, 4, 5, 6], [36, 36]]
    let limits = [8, 3, 12, 1]
    let found = try continuations(
      model, prompts, limits: limits, options: SamplingOptions(topP: 1e-9))
    for (prompt, (limit, completion)) in zip(prompts, zip(limits, found)) {
      #expect(completion.count == limit)
      var sequence = prompt
      for token in completion {
        let row = model.reference.logits(sequence).last ?? []
        #expect(row.indices.max { row[$0] < row[$1] } == Int(token))
        sequence.append(token)
      }
    }
  }

  /// Of 2,000 draws after one prompt every token's share is within five standard errors of its probability.
  @Test(arguments: [(1.0, 1.0), (0.7, 1.0), (1.3, 0.6)])
  func drawsFollowTheDistribution(temperature: Double, topP: Double) throws {
    let model = try TinyModel(seed: 23)
    let prompt: [Int32] = [8, 30, 11]
    let logits = model.reference.logits(prompt).last ?? []
    let largest = logits.max() ?? 0
    let expected = nucleus(logits.map { exp(($0 - largest) / temperature) }, topP: topP)
    let count = 2000
    let found = try continuations(
      model, Array(repeating: prompt, count: count), limits: Array(repeating: 1, count: count),
      options: SamplingOptions(temperature: temperature, topP: topP))
    for (token, share) in expected.enumerated() {
      let drawn = found.count { $0 == [Int32(token)] }
      let error = (share * (1 - share) / Double(count)).squareRoot()
      #expect(abs(Double(drawn) / Double(count) - share) <= 5 * error, "token \(token)")
    }
  }

  /// Shares of the fewest largest weights that hold `topP` of the sum, the lowest index first on ties.
  private func nucleus(_ weights: [Double], topP: Double) -> [Double] {
    let total = weights.reduce(0, +)
    let order = weights.indices.sorted { (weights[$0], $1) > (weights[$1], $0) }
    var kept: [Double] = weights.map { _ in 0 }
    for index in order where kept.reduce(0, +) < topP { kept[index] = weights[index] / total }
    let mass = kept.reduce(0, +)
    return kept.map { $0 / mass }
  }

  /// The same requests give the same tokens; a stop token ends a continuation and is part of it.
  @Test func continuationsAreReproducibleAndStop() throws {
    let model = try TinyModel(seed: 22)
    func run(stops: Set<Int32>) throws -> [[Int32]] {
      try continuations(
        model, (1...5).map { [Int32($0), 2] }, limits: Array(repeating: 12, count: 5),
        options: SamplingOptions(temperature: 1.5, topP: 0.95), stops: stops)
    }
    let free = try run(stops: [])
    #expect(try run(stops: []) == free)
    #expect(free.allSatisfy { $0.count == 12 })
    let stop = free[2][3]
    for (whole, cut) in zip(free, try run(stops: [stop])) {
      let end = whole.firstIndex(of: stop).map { $0 + 1 } ?? whole.count
      #expect(cut == Array(whole[..<end]))
    }
  }
}
