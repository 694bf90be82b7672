import Foundation
import Pipeline
import Testing

@Suite struct SizeSearchTests {
  /// Sizes with a fixed part, of every slope and curvature, come within half a percent in eight rounds.
  @Test(arguments: [0.2, 0.9, 1.4], [0.9, 1, 1.1])
  func comesNearWithoutPassing(slope: Double, power: Double) {
    var search = SizeSearch(limit: 64_000, first: 51_200)
    func size(_ setting: Double) -> Int {
      1800 + Int(slope * 30_000 * pow(setting / 30_000, power))
    }
    var best = 0
    for _ in 0..<8 {
      let found = size(search.next)
      if found <= 64_000 { best = max(best, found) }
      guard search.found(found) else { break }
    }
    #expect(best <= 64_000 && Double(best) > 0.99 * 64_000)
  }

  /// Nothing at all is too small, and no size ends the search before it was seen.
  @Test func goesUpFromNothing() {
    var search = SizeSearch(limit: 1000, first: 10)
    let first = search.next
    let goesOn = search.found(nil)
    #expect(goesOn)
    #expect(search.next > first)
  }

  @Test func coarseningGoesFromModuleToModule() {
    let coarsening = Coarsening(level: 7, moduleCount: 3)
    #expect((0..<3).map { coarsening[$0] } == [3, 2, 2])
    #expect(coarsening.description.contains("one more in 1 of 3"))
    #expect(Coarsening.none.description == "best")
    #expect(Coarsening(level: 6, moduleCount: 3).description.hasPrefix("2 eighths"))
  }
}
