import Bases
import Testing

@Suite struct StandardCandidatesTests {
  /// All of a small module, the first of a large one, never fewer than are wanted nor more than there are.
  @Test func dependsOnTheShorterSide() {
    #expect(StandardCandidates.count(shorterSide: 1024, rank: 4) == nil)
    #expect(StandardCandidates.count(shorterSide: 1100, rank: 4) == 256)
    #expect(StandardCandidates.count(shorterSide: 1100, rank: 300) == 300)
    #expect(StandardCandidates.count(shorterSide: 1100, rank: 2000) == 1100)
  }
}
