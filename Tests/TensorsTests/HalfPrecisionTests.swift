import Tensors
import Testing

@Suite struct HalfPrecisionTests {
  @Test func everyHalfSurvivesARoundTrip() {
    for bits in UInt16.min...UInt16.max {
      let value = HalfPrecision.float(half: bits)
      if value.isNaN { continue }
      #expect(HalfPrecision.half(value) == bits)
      #expect(value == Float(Float16(bitPattern: bits)))
    }
  }

  @Test func roundingIsToNearestEven() {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<20_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
      if value.isNaN { continue }
      #expect(HalfPrecision.half(value) == Float16(value).bitPattern, "\(value)")
      let brain = HalfPrecision.float(brain: HalfPrecision.brain(value))
      let spacing = abs(value) * 0x1p-8
      #expect(abs(brain - value) <= spacing || !brain.isFinite || abs(value) < 0x1p-126)
    }
    #expect(HalfPrecision.brain(Float(bitPattern: 0x3f80_8000)) == 0x3f80)
    #expect(HalfPrecision.brain(Float(bitPattern: 0x3f81_8000)) == 0x3f82)
  }
}
