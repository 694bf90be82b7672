import Files
import JSON
import TestSupport
import Testing

/// What `estimate` says of an adapter against what converting it writes, on the demo base.
@Suite(.enabled(if: Checkout.hasDemoBase, "run `make models` first"))
struct EstimateFigureTests {
  @Test func figuresAreThoseOfAConversion() throws {
    try withTemporaryDirectory { folder in
      let adapter = Checkout.path("golden/adapters/clinc-pairs-r8")
      for (rank, store) in [("16", "int8"), ("8", "int8"), ("16", "f16"), ("16", "int4")] {
        let common = ["--base", Checkout.demoBase, "--adapter", adapter, "--rank", rank]
        let said = try Tool.run(
          ["estimate"] + common + ["--store", store, "--json"], cache: folder)
        let estimate = try #require(
          try JSONValue.parse(said.output)["artifact_bytes"]?.intValue, "\(said.errors)")
        let path = Paths.join(folder, "\(store)-\(rank).loraxs")
        let made = try Tool.run(
          ["convert"] + common + ["--store", store, "-o", path], cache: folder)
        #expect(made.status == 0, "\(made.errors)")
        let bytes = try InputFile(path).byteCount
        let difference = Double(estimate - bytes) / Double(bytes)
        #expect(
          abs(difference) < (store == "int4" ? 0.06 : 0.03),
          "\(store) \(rank): \(estimate) said, \(bytes) written")
      }
    }
  }
}
