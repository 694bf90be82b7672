import Artifacts
import Faults
import TestSupport
import Testing

/// What a file costs: artifacts with the demo base's 210 modules and random numbers, which compress
/// worse than real ones.
@Suite struct ArtifactSizeTests {
  /// Bytes of the demo adapter of rank 8 as shipped.
  private static let shipped = 4_938_648

  @Test(arguments: [
    (16, LatentStorage.int8, 68_000), (20, .int8, 98_000), (16, .int4, 39_000),
    (16, .int3, 32_000), (16, .int2, 24_000),
    (4, .int8, 8_500), (1, .int8, 3_300),
  ])
  func fileStaysBelow(rank: Int, storage: LatentStorage, limit: Int) throws {
    let artifact = try SyntheticArtifact.make(layers: 30, rank: rank, storage: storage)
    let count = try artifact.bytes().count
    #expect(count <= limit)
    print("rank \(rank) \(storage): \(count) bytes, 1/\(ArtifactSizeTests.shipped / count)")
    for part in try EncodedArtifact(artifact).partSizes() {
      print("  \(part.name): \(part.byteCount) -> \(part.compressedByteCount)")
    }
  }

  @Test func topDirectionsCostNoIndices() throws {
    let selected = try SyntheticArtifact.make(layers: 30, rank: 16, storage: .int8)
    let top = try SyntheticArtifact.make(layers: 30, rank: 16, storage: .int8, directions: .top)
    #expect(try top.bytes().count < selected.bytes().count - 4_500)
    #expect(try EncodedArtifact(top).partSizes().allSatisfy { !$0.name.contains("indices") })
  }

  @Test func smallerCodesCompressBetter() throws {
    let full = try SyntheticArtifact.make(layers: 30, rank: 16, storage: .int8)
    let coarse = try SyntheticArtifact.make(layers: 30, rank: 16, storage: .int8, largestCode: 31)
    #expect(try coarse.bytes().count < full.bytes().count * 9 / 10)
  }
}
