import Pipeline
import Testing

@Suite struct CoarseningTests {
  /// Every level is one eighth more, in one module.
  @Test(arguments: [1, 3, 14]) func levelsGoFromModuleToModule(count: Int) {
    for level in 0...(3 * count + 1) {
      let coarsening = Coarsening(level: level, moduleCount: count)
      let eighths = (0..<count).map { coarsening[$0] }
      #expect(eighths.reduce(0, +) == level)
      #expect(eighths == eighths.sorted(by: >) && (eighths.first ?? 0) - (eighths.last ?? 0) <= 1)
    }
  }

  @Test func theRecordSaysHowCoarse() {
    #expect(Coarsening.none.description == "best")
    #expect(Coarsening(level: 0, moduleCount: 7).description == "best")
    #expect(
      Coarsening(level: 14, moduleCount: 7).description
        == "2 eighths of an octave coarser than the best, for the budget")
    #expect(
      Coarsening(level: 16, moduleCount: 7).description
        == "2 eighths of an octave coarser than the best, one more in 2 of 7 modules, for the budget"
    )
  }
}
