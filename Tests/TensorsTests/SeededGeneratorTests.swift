import Tensors
import Testing

@Suite struct SeededGeneratorTests {
  /// The first outputs of SplitMix64 for seed 1234567, from the algorithm's published reference code.
  @Test func isSplitMix64() {
    var generator = SeededGenerator(seed: 1_234_567)
    #expect(generator.next() == 6_457_827_717_110_365_317)
    #expect(generator.next() == 3_203_168_211_198_807_973)
    #expect(generator.next() == 9_817_491_932_198_370_423)
  }

  @Test func normalsHaveMeanZeroAndVarianceOne() {
    var generator = SeededGenerator(seed: 2)
    let values = generator.normals(100_001)
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    #expect(values.count == 100_001)
    #expect(abs(mean) < 0.015)
    #expect(abs(variance - 1) < 0.02)
  }

  @Test(arguments: [0, 1, 2, 17, 1000])
  func permutationsHoldEveryIndexOnce(count: Int) {
    var generator = SeededGenerator(seed: 3)
    #expect(generator.permutation(count).sorted() == Array(0..<count))
  }

  @Test func streamsOfOneSeedDiffer() {
    var (first, second) = (SeededGenerator(seed: 5), SeededGenerator(seed: 5, stream: 1))
    #expect(first.next() != second.next())
  }
}
