import ArgumentParser
import Faults
import Glibc
import JSON
import LinearAlgebra
import Threads

/// What the machine can do: products in single and double precision, reading and copying memory.
struct MachineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine", abstract: "Rates of products, memory reads and copies.")

  enum Rate: String, ExpressibleByArgument {
    case sgemm, dgemm, read, memcpy
  }

  @Argument var rate: Rate
  @Option(help: "Rows, columns and inner dimension of the product.") var size = 2048
  @Option(help: "MiB that are read or copied; far more than the caches.") var mebibytes = 256
  @OptionGroup var options: BenchOptions

  func run() throws {
    var result: Measurement
    let (size, grain) = (size, (size - 1) / options.threads + 1)
    switch rate {
    case .sgemm:
      result = product(Float.self) { a, b, c in
        shareOut(size, grain: grain, over: (a, b, c)) { rows, memory in
          let (a, b, c) = memory
          let first = rows.lowerBound * size
          BLAS.gemm(rows: rows.count, columns: size, inner: size, a + first, b, c + first)
        }
      }
    case .dgemm:
      result = product(Double.self) { a, b, c in
        shareOut(size, grain: grain, over: (a, b, c)) { rows, memory in
          let (a, b, c) = memory
          let first = rows.lowerBound * size
          BLAS.gemm(rows: rows.count, columns: size, inner: size, a + first, b, c + first)
        }
      }
    case .read: result = try memory { source, _, count in MachineCommand.sum(source, count) }
    case .memcpy:
      result = try memory { source, target, count in
        memcpy(target, source, count)
        return 0
      }
    }
    result.fields = [
      "threads": .integer(options.threads), "openblas_core": .string(OpenBLAS.coreName),
    ]
    result.print()
  }

  private func product<Scalar: BinaryFloatingPoint>(
    _ type: Scalar.Type,
    _ multiply: (UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>) -> Void
  ) -> Measurement {
    let count = size * size
    let buffer = UnsafeMutablePointer<Scalar>.allocate(capacity: 3 * count)
    defer { buffer.deallocate() }
    for index in 0..<3 * count { buffer[index] = Scalar(index % 17) / 16 }
    multiply(buffer, buffer + count, buffer + 2 * count)
    let timing = Measurement.time {
      withThreads(options.threads) { multiply(buffer, buffer + count, buffer + 2 * count) }
    }
    return Measurement(
      what: "machine/\(rate.rawValue)", timing: timing,
      operations: 2 * Double(size) * Double(count),
      bytes: 3 * count * MemoryLayout<Scalar>.size)
  }

  /// Splits a buffer over the threads; `work` gets each part of source and target and its bytes.
  private func memory(
    _ work: @escaping @Sendable (UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> UInt64
  ) throws(Fault) -> Measurement {
    let count = mebibytes << 20
    let source = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
    let target = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
    let sums = UnsafeMutablePointer<UInt64>.allocate(capacity: options.threads)
    defer {
      source.deallocate()
      target.deallocate()
      sums.deallocate()
    }
    memset(source, 1, count)
    memset(target, 2, count)
    // Addresses, because a task may not capture a pointer; every part is one task's own.
    let places = (Int(bitPattern: source), Int(bitPattern: target), Int(bitPattern: sums))
    let (threads, part) = (options.threads, count / options.threads / 64 * 64)
    let pass = { () throws(Fault) in
      _ = try parallelMap(threads, threads: threads) { index in
        guard let source = UnsafeRawPointer(bitPattern: places.0 + index * part),
          let target = UnsafeMutableRawPointer(bitPattern: places.1 + index * part),
          let sums = UnsafeMutablePointer<UInt64>(bitPattern: places.2)
        else { return }
        sums[index] = work(source, target, part)
      }
    }
    try pass()
    let timing = try Measurement.time { () throws(Fault) in try pass() }
    return Measurement(
      what: "machine/\(rate.rawValue)", timing: timing, bytes: part * threads)
  }

  private static func sum(_ source: UnsafeRawPointer, _ count: Int) -> UInt64 {
    let words = source.assumingMemoryBound(to: SIMD8<UInt64>.self)
    var sums = (SIMD8<UInt64>(), SIMD8<UInt64>(), SIMD8<UInt64>(), SIMD8<UInt64>())
    for index in stride(from: 0, to: count / 64 / 4 * 4, by: 4) {
      sums.0 &+= words[index]
      sums.1 &+= words[index + 1]
      sums.2 &+= words[index + 2]
      sums.3 &+= words[index + 3]
    }
    return (sums.0 &+ sums.1 &+ sums.2 &+ sums.3).wrappedSum()
  }
}
