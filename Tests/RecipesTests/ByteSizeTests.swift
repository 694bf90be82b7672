import Faults
import Recipes
import Testing

@Suite struct ByteSizeTests {
  @Test(arguments: [
    ("800", 800), ("64KB", 64_000), ("64kb", 64_000), ("1.5MB", 1_500_000), ("512KiB", 524_288),
    ("0.5KiB", 512), ("2GB", 2_000_000_000), ("7B", 7), ("1.001KB", 1001),
  ])
  func sizes(text: String, bytes: Int) throws {
    #expect(try ByteSize.parse(text) == bytes)
  }

  @Test(arguments: [
    "", "KB", "0", "0KB", "-1", "64 KB", "64Q", "1..5MB", ".5MB", "5.MB", "1.0001KB", "1.5",
    "9999999999GB", "9223372036854775807KB", "1e3", "0x10",
  ])
  func sizesRefused(text: String) throws {
    let fault = try #require(throws: Fault.self) { _ = try ByteSize.parse(text) }
    #expect(fault.code == "SIZE")
  }
}
